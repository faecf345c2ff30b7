package deadletter

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// ParsePlace reads topic/partition/offset, as letters, logs and dlq show print it.
func ParsePlace(text string) (pipeline.Position, error) {
	parts := strings.Split(text, "/")
	if len(parts) == 3 && parts[0] != "" {
		partition, err := strconv.ParseInt(parts[1], 10, 32)
		offset, other := strconv.ParseInt(parts[2], 10, 64)
		if err == nil && other == nil && partition >= 0 && offset >= 0 {
			return pipeline.Position{Topic: parts[0], Partition: int32(partition), Offset: offset}, nil
		}
	}
	return pipeline.Position{}, fmt.Errorf("%q is not a position in Kafka: it must be topic/partition/offset, like shop.public.orders/0/4711", text)
}

// Fetch reads the record at a place; nil when it is not there (any more).
func Fetch(ctx context.Context, src Source, p pipeline.Position) (*pipeline.Record, error) {
	var found *pipeline.Record
	err := FetchAll(ctx, src, []pipeline.Position{p}, func(r *pipeline.Record) { found = r })
	return found, err
}

// farApart is the gap between offsets worth a fetch of its own.
const farApart = 5000

// FetchAll reads the records at the places, in any order. Those that are not there are passed over. The records are
// found's to keep.
func FetchAll(ctx context.Context, src Source, places []pipeline.Position, found func(*pipeline.Record)) error {
	wanted := map[pipeline.Position]bool{}
	for _, p := range places {
		wanted[pipeline.Position{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset}] = true
	}
	topics := map[string]bool{}
	for p := range wanted {
		topics[p.Topic] = true
	}
	for topic := range topics {
		all, err := src.All(ctx, topic)
		if err != nil {
			return err
		}
		for _, run := range runs(wanted, &all) {
			err := src.Scan(ctx, run, func(r *pipeline.Record) error {
				if wanted[r.At()] {
					found(Keep(r))
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// runs are spans that hold every wanted place of the topic and not much else. A place that is gone is passed over.
func runs(wanted map[pipeline.Position]bool, all *Span) []Span {
	offsets := map[int32][]int64{}
	for p := range wanted {
		if end, ok := all.To[p.Partition]; ok && p.Topic == all.Topic && p.Offset < end {
			offsets[p.Partition] = append(offsets[p.Partition], p.Offset)
		}
	}
	var list []Span
	for id, of := range offsets {
		slices.Sort(of)
		from := of[0]
		for i, at := range of {
			if i+1 == len(of) || of[i+1]-at > farApart {
				list = append(list, Span{Topic: all.Topic, ID: all.ID, From: map[int32]int64{id: from}, To: map[int32]int64{id: at + 1}, Sparse: true})
			}
			if i+1 < len(of) && of[i+1]-at > farApart {
				from = of[i+1]
			}
		}
	}
	return list
}

// Keep copies a record that was only lent.
func Keep(r *pipeline.Record) *pipeline.Record {
	kept := *r
	kept.Key, kept.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	kept.Headers = make([]pipeline.Header, len(r.Headers))
	for i, h := range r.Headers {
		kept.Headers[i] = pipeline.Header{Key: strings.Clone(h.Key), Value: bytes.Clone(h.Value)}
	}
	return &kept
}
