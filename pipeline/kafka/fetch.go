package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

const (
	readMaxBytes = 8 << 20
	readWait     = 500 * time.Millisecond
)

// fetch asks one broker for its partitions. A broker that does not answer has its partitions looked up again.
func (rd *reader) fetch(ctx context.Context, leader int32, spans []*span) (moved bool, err error) {
	answer, err := rd.admin.client.Broker(int(leader)).RetriableRequest(ctx, rd.request(spans))
	if err != nil {
		for _, s := range spans {
			s.nobody = true
		}
		return false, ctx.Err()
	}
	byKey := map[topicPartition]*span{}
	byID := map[[16]byte]string{}
	for _, s := range spans {
		byKey[topicPartition{s.topic, s.id}] = s
		byID[s.topicID] = s.topic
	}
	for _, t := range answer.(*kmsg.FetchResponse).Topics {
		topic := t.Topic
		if topic == "" {
			topic = byID[t.TopicID]
		}
		for i := range t.Partitions {
			s := byKey[topicPartition{topic, t.Partitions[i].Partition}]
			if s == nil {
				continue
			}
			m, err := rd.take(s, &t.Partitions[i])
			if err != nil {
				return moved, err
			}
			moved = moved || m
		}
	}
	return moved, nil
}

func (rd *reader) request(spans []*span) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(readWait.Milliseconds()), 1, readMaxBytes
	if rd.admin.cfg.Isolation == ReadCommitted {
		req.IsolationLevel = 1
	}
	topics := map[string]int{}
	for _, s := range spans {
		i, ok := topics[s.topic]
		if !ok {
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = s.topic, s.topicID
			i, topics[s.topic] = len(req.Topics), len(req.Topics)
			req.Topics = append(req.Topics, t)
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = s.id, s.at, readMaxBytes/2
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
	}
	return req
}

// take reads one partition's part of an answer.
func (rd *reader) take(s *span, p *kmsg.FetchResponseTopicPartition) (moved bool, err error) {
	if rd.lend != nil && rd.lend.readable(p) {
		return rd.scan(s, p)
	}
	opts := kgo.ProcessFetchPartitionOpts{Topic: s.topic, Partition: s.id, Offset: s.at, IsolationLevel: rd.admin.cfg.isolation()}
	fetched, next := kgo.ProcessFetchPartition(opts, p, rd.unpack, nil)
	switch err := fetched.Err; {
	case errors.Is(err, kerr.OffsetOutOfRange) && s.at < fetched.LogStartOffset:
		s.at = fetched.LogStartOffset // removed meanwhile
		return true, nil
	case err != nil && (kerr.IsRetriable(err) || errors.Is(err, kerr.FencedLeaderEpoch)):
		s.nobody = true
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read %s/%d: %w", s.topic, s.id, err)
	}
	for _, r := range fetched.Records {
		if r.Offset >= s.end {
			break
		}
		record := one(r)
		if err := rd.each(&record); err != nil {
			return false, err
		}
	}
	return s.advance(next, len(p.RecordBatches) == 0, rd.readable(&fetched)), nil
}

// readable is the end a fetch could have read up to.
func (rd *reader) readable(f *kgo.FetchPartition) int64 {
	if rd.admin.cfg.Isolation == ReadCommitted {
		return f.LastStableOffset
	}
	return f.HighWatermark
}

// advance moves on. An empty answer although the end lies further on means that nothing is left before it: compaction
// or an aborted transaction took the rest.
func (s *span) advance(next int64, empty bool, readable int64) bool {
	if empty && readable >= s.end {
		s.at = s.end
		return true
	}
	moved := next > s.at
	s.at = max(s.at, next)
	return moved
}

func one(r *kgo.Record) pipeline.Record {
	headers := make([]pipeline.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = pipeline.Header{Key: h.Key, Value: h.Value}
	}
	return pipeline.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
		Key: r.Key, Value: r.Value, Headers: headers}
}
