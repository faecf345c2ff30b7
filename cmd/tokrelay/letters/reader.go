package letters

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Span is what is read of a topic: every record there is now, or those of a time. A topic that does not exist has an
// empty one.
type Span struct {
	kafka.Range
	Records int64 // at most so many: compaction and transactions leave gaps
}

// SpanOf finds the records of a topic from a time to another; zero times mean from the start, and to the end of now.
func SpanOf(ctx context.Context, admin *kafka.Admin, topic string, since, until time.Time) (Span, error) {
	there, err := admin.Topics(ctx, topic)
	if err != nil || len(there) == 0 {
		return Span{}, err
	}
	s := Span{}
	if s.Range, err = admin.All(ctx, topic); err != nil {
		return s, err
	}
	if !since.IsZero() {
		if s.From, err = admin.At(ctx, since, topic); err != nil {
			return s, err
		}
	}
	if !until.IsZero() {
		if s.To, err = before(ctx, admin, s.To, until, topic); err != nil {
			return s, err
		}
	}
	s.count()
	return s, nil
}

// before cuts ends off at a time.
func before(ctx context.Context, admin *kafka.Admin, ends kafka.Offsets, t time.Time, topic string) (kafka.Offsets, error) {
	at, err := admin.At(ctx, t, topic)
	if err != nil {
		return nil, err
	}
	for id, end := range ends[topic] {
		if first, ok := at.Get(topic, id); ok {
			ends.Set(topic, id, min(end, first))
		}
	}
	return ends, nil
}

func (s *Span) count() {
	s.Records = 0
	for topic, partitions := range s.To {
		for id, end := range partitions {
			from, _ := s.From.Get(topic, id)
			s.Records += max(0, end-from)
		}
	}
}

// Latest moves the span's beginning to the newest n records of every partition.
func (s *Span) Latest(n int64) {
	s.Range.Latest(n)
	s.count()
}

// After moves the span's beginning to the offsets where they lie further on.
func (s *Span) After(offsets kafka.Offsets) {
	for topic, partitions := range s.From {
		for id, from := range partitions {
			if at, ok := offsets.Get(topic, id); ok {
				s.From.Set(topic, id, max(from, at))
			}
		}
	}
	s.count()
}

// Scan calls each for every record of the span, in the order of its partition, and tells whether it is a letter that the
// filter chooses. Record and head are valid during the call only.
func Scan(ctx context.Context, admin *kafka.Admin, s Span, f *Filter, each func(r *pipeline.Record, h *deadletter.Head, chosen bool) error) error {
	var head deadletter.Head
	return admin.Scan(ctx, s.Range, func(r *pipeline.Record) error {
		return each(r, &head, head.Read(r) && f.Match(r, &head))
	})
}

// Rows is Scan for the chosen letters alone. seen, if not nil, is told of every record read.
func Rows(ctx context.Context, admin *kafka.Admin, s Span, f *Filter, seen func(), each func(*pipeline.Record, *deadletter.Head) error) error {
	return Scan(ctx, admin, s, f, func(r *pipeline.Record, h *deadletter.Head, chosen bool) error {
		if seen != nil {
			seen()
		}
		if !chosen {
			return nil
		}
		return each(r, h)
	})
}

// Batches calls each for every failed batch of the span that the filter chooses. Filters that only rows can pass choose
// none.
func Batches(ctx context.Context, admin *kafka.Admin, s Span, f *Filter, each func(*deadletter.DeadBatch) error) error {
	if len(f.Fields) > 0 || f.EventID != "" || f.Key != nil || len(f.Rows) > 0 {
		return nil
	}
	return admin.Read(ctx, s.Range, func(r *pipeline.Record) error {
		b, err := deadletter.ParseBatch(r)
		if err != nil || !f.Match(r, batchHead(b)) {
			return nil // somebody else's record, or not chosen
		}
		return each(b)
	})
}

func batchHead(b *deadletter.DeadBatch) *deadletter.Head {
	h := &deadletter.Head{Sync: []byte(b.Sync), Reason: []byte(b.Reason), Class: []byte(pipeline.ClassFailed), BatchID: []byte(b.ID)}
	if len(b.Rows) > 0 {
		h.Topic = []byte(b.Rows[0].Topic)
	}
	return h
}
