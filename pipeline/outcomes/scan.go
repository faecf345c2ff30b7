package outcomes

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Source is how the topic of outcomes is read.
type Source struct {
	// All is everything there is of the topic now; of one that does not exist, an empty Span.
	All func(ctx context.Context) (Span, error)
	// At are the offsets of the first records written at t or later, by partition; the end where there is none.
	At func(ctx context.Context, t time.Time) (map[int32]int64, error)
	// Scan calls each for every record of the span, a partition's in their order, and ends with each's first error. Records are
	// valid during the call only.
	Scan func(ctx context.Context, s Span, each func(*pipeline.Record) error) error
}

// Span is what is read of the topic: of every partition of To, the records from From up to, and without, To.
type Span struct {
	ID       string // of the topic: another one of the same name does not have it
	From, To map[int32]int64
}

// Records is at most how many records the span has.
func (s *Span) Records() (n int64) {
	for id, to := range s.To {
		n += max(0, to-s.From[id])
	}
	return n
}

// Options say what Scan reads.
type Options struct {
	Partitions []int32   // none: all
	Since      time.Time // zero: all that is kept
	// Window is how long the first, newest, stretch of time is that is read; each one before it is twice as long. 0: all in one.
	Window time.Duration
	// Progress is told now and then how far the reading has come; nil: nothing is.
	Progress func(Progress)
}

// Progress is how far a Scan has come. All outcomes since Since have been read.
type Progress struct {
	Read, Of int64     // records of what Options choose
	Since    time.Time // zero once everything that is kept has been read
}

// ErrStop ends Scan from within its callback: Scan then returns nil.
var ErrStop = errors.New("stop reading outcomes")

// longWindow is how long a stretch of time is after which all that is left is read in one.
const longWindow = 30 * 24 * time.Hour

// many is how many records are read between two reports of progress.
const many = 16384

// Scan calls each for every outcome that was written since a time, the newest window first, in each window a partition's in
// their order. The outcome is valid during the call only: it is the same one every time. Records that are not outcomes are passed
// over. each's error ends the reading and is returned, but for ErrStop. The last Progress says how far back it came.
func Scan(ctx context.Context, src Source, o Options, each func(*Outcome) error) (Progress, error) {
	s := scan{src: src, options: o, each: each}
	s.progress.Since = time.Now()
	err := s.run(ctx)
	if errors.Is(err, ErrStop) {
		err = nil
	}
	return s.progress, err
}

type scan struct {
	src      Source
	options  Options
	each     func(*Outcome) error
	progress Progress
	out      Outcome
}

func (s *scan) run(ctx context.Context) error {
	all, err := s.src.All(ctx)
	if err != nil || len(all.To) == 0 {
		s.progress.Since = time.Time{}
		return err
	}
	s.choose(&all)
	if err := s.limit(ctx, &all); err != nil {
		return err
	}
	s.progress.Of = all.Records()
	return s.windows(ctx, all)
}

// windows reads the span, the newest window first.
func (s *scan) windows(ctx context.Context, all Span) error {
	until := time.Now()
	for length := s.options.Window; length > 0 && length <= longWindow; length *= 2 {
		since := until.Add(-length)
		if !since.After(s.options.Since) || all.Records() == 0 {
			break
		}
		at, err := s.src.At(ctx, since)
		if err != nil {
			return err
		}
		if err := s.read(ctx, all.cut(at)); err != nil {
			return err
		}
		s.progress.Since, until = since, since
		s.report()
	}
	if err := s.read(ctx, all); err != nil {
		return err
	}
	s.progress.Since = s.options.Since
	s.report()
	return nil
}

// cut takes what is from the offsets on off the span's end.
func (s *Span) cut(at map[int32]int64) Span {
	late := Span{ID: s.ID, From: map[int32]int64{}, To: map[int32]int64{}}
	rest := map[int32]int64{}
	for id, to := range s.To {
		from := min(max(at[id], s.From[id]), to)
		late.From[id], late.To[id], rest[id] = from, to, from
	}
	s.To = rest
	return late
}

func (s *scan) read(ctx context.Context, part Span) error {
	for id, to := range part.To {
		if part.From[id] >= to {
			delete(part.To, id)
		}
	}
	if len(part.To) == 0 {
		return nil
	}
	return s.src.Scan(ctx, part, func(r *pipeline.Record) error {
		if s.progress.Read++; s.progress.Read%many == 0 {
			s.report()
		}
		if s.out.Decode(r.Value) != nil {
			return nil // another program's, or of a version that came long after
		}
		return s.each(&s.out)
	})
}

func (s *scan) report() {
	if s.options.Progress != nil {
		s.options.Progress(s.progress)
	}
}

// choose takes the partitions out that are not asked for.
func (s *scan) choose(all *Span) {
	for id := range all.To {
		if len(s.options.Partitions) > 0 && !slices.Contains(s.options.Partitions, id) {
			delete(all.To, id)
		}
	}
}

// limit moves the span's beginning to the time that is asked for.
func (s *scan) limit(ctx context.Context, all *Span) error {
	if s.options.Since.IsZero() {
		return nil
	}
	at, err := s.src.At(ctx, s.options.Since)
	if err != nil {
		return err
	}
	for id := range all.To {
		all.From[id] = max(all.From[id], at[id])
	}
	return nil
}
