package deadletter

import (
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Source is how topics are read: those of dead letters, and those that their rows come from.
type Source struct {
	// All is everything there is of a topic now; of one that does not exist, an empty Span.
	All func(ctx context.Context, topic string) (Span, error)
	// At are the offsets of the topic's first records written at t or later, by partition; the end where there is none.
	At func(ctx context.Context, topic string, t time.Time) (map[int32]int64, error)
	// Scan calls each for every record of the span, a partition's in their order, and ends with each's first error. Records
	// are valid during the call only. Another topic of the same name, made since the span was looked up, is an error.
	Scan func(ctx context.Context, s Span, each func(*pipeline.Record) error) error
}

// Span is what is read of a topic: of every partition of To, the records from From up to, and without, To.
type Span struct {
	Topic    string
	ID       string // of the topic: another one of the same name does not have it. "" where brokers give none
	From, To map[int32]int64
	Records  int64 // at most n: compaction and transactions leave gaps
	Sparse   bool  // few of the records are wanted: nothing is said of those that were removed meanwhile
}

// SpanOf finds the records of a topic from a time to another; zero times mean from the start, and to the end of now. A topic
// that does not exist has an empty span.
func SpanOf(ctx context.Context, src Source, topic string, since, until time.Time) (Span, error) {
	s, err := src.All(ctx, topic)
	if err != nil || len(s.To) == 0 {
		return s, err
	}
	if !since.IsZero() {
		if s.From, err = src.At(ctx, topic, since); err != nil {
			return s, err
		}
	}
	if !until.IsZero() {
		at, err := src.At(ctx, topic, until)
		if err != nil {
			return s, err
		}
		s.before(at)
	}
	s.count()
	return s, nil
}

// before moves the span's end to the offsets where they are less far.
func (s *Span) before(offsets map[int32]int64) {
	for id, end := range s.To {
		if at, ok := offsets[id]; ok {
			s.To[id] = min(end, at)
		}
	}
}

func (s *Span) count() {
	s.Records = 0
	for id, end := range s.To {
		s.Records += max(0, end-s.From[id])
	}
}

// Latest moves the span's beginning to the newest n records of every partition.
func (s *Span) Latest(n int64) {
	for id, end := range s.To {
		s.From[id] = max(s.From[id], end-n)
	}
	s.count()
}

// After moves the span's beginning to the offsets where they are further on.
func (s *Span) After(offsets map[int32]int64) {
	for id, from := range s.From {
		if at, ok := offsets[id]; ok {
			s.From[id] = max(from, at)
		}
	}
	s.count()
}

// scan is Scan for spans that may be empty: there may be no such topic.
func (src Source) scan(ctx context.Context, s Span, each func(*pipeline.Record) error) error {
	if len(s.To) == 0 {
		return nil
	}
	return src.Scan(ctx, s, each)
}

// Scan calls each for every record of the span, in the order of its partition, and reports whether it is a letter that the
// filter chooses. Record and head are valid during the call only. A letter of a later version is an error, *LaterForm: none is
// passed over.
func Scan(ctx context.Context, src Source, s Span, f *Filter, each func(r *pipeline.Record, h *Head, chosen bool) error) error {
	var head Head
	return src.scan(ctx, s, func(r *pipeline.Record) error {
		ours := head.Read(r)
		if ours {
			if err := known(head.Version, r); err != nil {
				return err
			}
		}
		return each(r, &head, ours && f.Match(r, &head))
	})
}

// Rows is Scan for the chosen letters alone. seen, if not nil, is told of every record read.
func Rows(ctx context.Context, src Source, s Span, f *Filter, seen func(), each func(*pipeline.Record, *Head) error) error {
	return Scan(ctx, src, s, f, func(r *pipeline.Record, h *Head, chosen bool) error {
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
func Batches(ctx context.Context, src Source, s Span, f *Filter, each func(*DeadBatch) error) error {
	if len(f.Fields) > 0 || f.EventID != "" || f.Key != nil || len(f.Rows) > 0 {
		return nil
	}
	all := *f
	all.State = nil // rows have one
	return src.scan(ctx, s, func(r *pipeline.Record) error {
		b, err := ParseBatch(r)
		if later, ok := errors.AsType[*LaterForm](err); ok {
			return later
		}
		if err != nil || !all.Match(r, batchHead(b)) {
			return nil // a record of another program, or not chosen
		}
		return each(b)
	})
}

func batchHead(b *DeadBatch) *Head {
	h := &Head{Sync: []byte(b.Sync), Reason: []byte(b.Reason), Class: []byte(pipeline.ClassFailed), BatchID: []byte(b.ID)}
	if len(b.Rows) > 0 {
		h.Topic = []byte(b.Rows[0].Topic)
	}
	return h
}
