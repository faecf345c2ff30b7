package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// record is one line of records.ndjson. Bytes are base64; a null value is a tombstone, an empty one is not.
type record struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       *[]byte  `json:"key_b64"`
	Value     *[]byte  `json:"value_b64"`
	Headers   []header `json:"headers"`
}

// header is written as a pair: its name and its value in base64.
type header struct {
	name  string
	value []byte
}

func (h header) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{h.name, nullable(h.value)})
}

// readRecords reads the matching topics from their start to where they end now.
func readRecords(ctx context.Context, broker string, topics *regexp.Regexp) ([]record, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.AllowAutoTopicCreation())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := matchingEnds(ctx, kadm.NewClient(client), topics)
	if err != nil || len(ends) == 0 {
		return nil, cmp.Or(err, fmt.Errorf("no topic matches %s", topics))
	}
	client.AddConsumePartitions(fromStart(ends))
	records, err := readUntil(ctx, client, ends)
	slices.SortFunc(records, byPlace)
	return records, err
}

func matchingEnds(ctx context.Context, admin *kadm.Client, topics *regexp.Regexp) (kadm.ListedOffsets, error) {
	ends, err := admin.ListEndOffsets(ctx)
	if err != nil {
		return nil, err
	}
	for topic := range ends {
		if !topics.MatchString(topic) {
			delete(ends, topic)
		}
	}
	return ends, ends.Error()
}

func fromStart(ends kadm.ListedOffsets) map[string]map[int32]kgo.Offset {
	starts := map[string]map[int32]kgo.Offset{}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset == 0 {
			return
		}
		if starts[end.Topic] == nil {
			starts[end.Topic] = map[int32]kgo.Offset{}
		}
		starts[end.Topic][end.Partition] = kgo.NewOffset().AtStart()
	})
	return starts
}

func readUntil(ctx context.Context, client *kgo.Client, ends kadm.ListedOffsets) ([]record, error) {
	var records []record
	open := 0
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset > 0 {
			open++
		}
	})
	for open > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end, _ := ends.Lookup(r.Topic, r.Partition)
			if r.Offset < end.Offset {
				records = append(records, newRecord(r))
			}
			if r.Offset == end.Offset-1 {
				open--
			}
		})
	}
	return records, nil
}

func newRecord(r *kgo.Record) record {
	out := record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(),
		Key: nullable(r.Key), Value: nullable(r.Value), Headers: []header{},
	}
	for _, h := range r.Headers {
		out.Headers = append(out.Headers, header{name: h.Key, value: h.Value})
	}
	return out
}

func nullable(b []byte) *[]byte {
	if b == nil {
		return nil
	}
	return &b
}

func byPlace(a, b record) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

func writeLines(path string, records []record) error {
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	encoder.SetEscapeHTML(false)
	for _, r := range records {
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
	return os.WriteFile(path, lines.Bytes(), 0o644)
}

func writeDocument(path string, document any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(document); err != nil {
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}
