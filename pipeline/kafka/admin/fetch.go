package admin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

const (
	readMaxBytes = 8 << 20
	readWait     = 500 * time.Millisecond
)

// fetch asks one broker for its partitions. A broker that does not answer has its partitions looked up again.
func (rd *reader) fetch(ctx context.Context, leader int32, spans []*span, round int) (moved bool, err error) {
	response, err := rd.admin.client.Broker(int(leader)).RetriableRequest(ctx, rd.request(spans))
	if err != nil {
		for _, s := range spans {
			s.leaderless = true
		}
		return false, ctx.Err()
	}
	answer := response.(*kmsg.FetchResponse)
	for s, p := range parts(answer, spans) {
		at := s.at
		if err := rd.take(s, p); err != nil {
			return false, err
		}
		if inDoubt(p, s == spans[0], answer.ThrottleMillis > 0) {
			if err := rd.examine(ctx, s, p); err != nil {
				return false, err
			}
		}
		if s.at > at {
			moved, s.served, s.puzzled = true, round, time.Time{}
		}
	}
	return moved, nil
}

// parts goes through an answer with the spans that its parts belong to.
func parts(answer *kmsg.FetchResponse, spans []*span) iter.Seq2[*span, *kmsg.FetchResponseTopicPartition] {
	return func(yield func(*span, *kmsg.FetchResponseTopicPartition) bool) {
		for i := range answer.Topics {
			t := &answer.Topics[i]
			for j := range t.Partitions {
				p := &t.Partitions[j]
				is := slices.IndexFunc(spans, func(s *span) bool {
					return s.id == p.Partition && (s.topic == t.Topic || t.Topic == "" && s.topicID == t.TopicID)
				})
				if is >= 0 && !yield(spans[is], p) {
					return
				}
			}
		}
	}
}

func (rd *reader) request(spans []*span) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(readWait.Milliseconds()), 1, rd.admin.mostFetched
	if rd.admin.cfg.Isolation == kafka.ReadCommitted {
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
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = s.id, s.at, rd.admin.mostFetched/2
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, p)
	}
	return req
}

// take reads one partition's part of an answer and moves its position behind what the answer holds: records, control
// records, aborted ones, and batches that compaction emptied. A part without batches moves nothing.
func (rd *reader) take(s *span, p *kmsg.FetchResponseTopicPartition) error {
	if rd.lend != nil && rd.lend.readable(p) {
		return rd.scan(s, p)
	}
	opts := kgo.ProcessFetchPartitionOpts{Topic: s.topic, Partition: s.id, Offset: s.at, IsolationLevel: rd.admin.cfg.IsolationLevel()}
	fetched, next := kgo.ProcessFetchPartition(opts, p, rd.unpack, nil)
	switch err := fetched.Err; {
	case errors.Is(err, kerr.OffsetOutOfRange):
		return nil // examine looks why
	case err != nil && (kerr.IsRetriable(err) || errors.Is(err, kerr.FencedLeaderEpoch)):
		s.leaderless = true
		return nil
	case err != nil:
		return fmt.Errorf("read %s at offset %d: %w", s, s.at, kafka.Lacking(err, "Read", "topic "+s.topic))
	}
	for _, r := range fetched.Records {
		if r.Offset >= s.end {
			break
		}
		record := one(r)
		if err := rd.each(&record); err != nil {
			return err
		}
	}
	s.at = max(s.at, next)
	return nil
}

func one(r *kgo.Record) pipeline.Record {
	headers := make([]pipeline.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = pipeline.Header{Key: h.Key, Value: h.Value}
	}
	return pipeline.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
		Key: r.Key, Value: r.Value, Headers: headers}
}
