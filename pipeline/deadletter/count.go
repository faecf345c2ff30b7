package deadletter

import (
	"context"
	"maps"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/pipeline"
)

// mostReaders bounds the memory: each reader holds a fetch.
const mostReaders = 4

// CountRows counts the chosen letters of a span by some of By, partitions side by side. seen, if not nil, is told of records
// read, many at a time, from several goroutines.
func CountRows(ctx context.Context, src Source, s Span, f *Filter, by []string, seen func(records int64)) (*Tally, error) {
	parts := s.split(f.readers())
	tallies := make([]*Tally, len(parts))
	var readers errgroup.Group
	reading, stop := context.WithCancel(ctx)
	defer stop()
	for i, part := range parts {
		tallies[i] = NewTally(by)
		readers.Go(func() error {
			err := tallies[i].read(reading, src, part, f, seen)
			if err != nil {
				stop()
			}
			return err
		})
	}
	err := readers.Wait()
	all := NewTally(by)
	for _, t := range tallies {
		all.merge(t)
	}
	return all, err
}

// readers is how many may use the filter at once. Keys are decoded, by one decoder.
func (f *Filter) readers() int {
	if f.Key != nil {
		return 1
	}
	return min(runtime.GOMAXPROCS(0), mostReaders)
}

// split deals the span's partitions out.
func (s Span) split(n int) []Span {
	var parts []Span
	for i, id := range slices.Sorted(maps.Keys(s.To)) {
		if i < n {
			parts = append(parts, Span{Topic: s.Topic, ID: s.ID, From: map[int32]int64{}, To: map[int32]int64{}})
		}
		part := parts[i%n]
		part.To[id] = s.To[id]
		if from, ok := s.From[id]; ok {
			part.From[id] = from
		}
	}
	return parts
}

func (t *Tally) read(ctx context.Context, src Source, s Span, f *Filter, seen func(int64)) error {
	const many = 4096
	read := int64(0)
	return Scan(ctx, src, s, f, func(r *pipeline.Record, h *Head, chosen bool) error {
		if read++; read%many == 0 && seen != nil {
			seen(many)
		}
		if chosen {
			t.Add(r, h)
		}
		return nil
	})
}

func (t *Tally) merge(other *Tally) {
	t.Rows += other.Rows
	for key, c := range other.groups {
		own := t.groups[key]
		if own == nil {
			t.groups[key] = c
			continue
		}
		own.Rows += c.Rows
		if c.First.Before(own.First) {
			own.First = c.First
		}
		if c.Last.After(own.Last) {
			own.Last = c.Last
		}
	}
}
