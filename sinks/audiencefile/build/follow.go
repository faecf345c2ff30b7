package build

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Following looks for rows in a topic as a run reads it, and makes no files.
type Following struct {
	Source   Source
	NewSteps func() pipeline.Steps   // as those of Input
	Wanted   func(lines []byte) bool // reports whether the lines of a row are looked for; called from several goroutines
	Cut      func(s Span) (to int64) // up to where the past is, of a partition; 0 for nothing of it
	Progress func(records, of int64) // now and then; nil: nobody asks
}

// Followed is a row that was looked for once, and what its key's records say of it.
type Followed struct {
	Then, Now Sight // up to the cut, and up to the end
}

// Sight is the record that counts of a key.
type Sight struct {
	At      pipeline.Position
	Changed time.Time
	Has     bool // its lines are looked for

	order uint64
}

// follower is the worker of some partitions.
type follower struct {
	of     *Following
	runner pipeline.Runner
	in     chan []row
	spare  chan []row
	cuts   []int64
	keys   map[string]*Followed
}

// Follow reads the topic to its ends and returns the rows that were looked for, at any time. A key whose row was looked for in one partition
// alone, and has later records in another where it never was, is taken for what the first says: keys stay in their partition unless
// partitions are added.
func Follow(ctx context.Context, f Following) ([]Followed, error) {
	spans, err := f.Source.Spans(ctx)
	if err != nil {
		return nil, kafkaTrouble("look up offsets", err)
	}
	var cuts []int64
	for _, s := range spans {
		cuts = append(cuts, f.Cut(s))
	}
	var workers []*follower
	group, ctx := errgroup.WithContext(ctx)
	spare := make(chan []row, 32)
	for range max(1, min(4, runtime.GOMAXPROCS(0), len(spans))) {
		w := &follower{of: &f, runner: pipeline.Runner{Steps: Keyed(f.NewSteps())}, in: make(chan []row, 4), spare: spare, cuts: cuts, keys: map[string]*Followed{}}
		workers = append(workers, w)
		group.Go(func() error { return w.run(ctx) })
	}
	group.Go(func() error { return f.read(ctx, spans, workers) })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return merged(workers), nil
}

// read hands the records to the workers, each partition's to one.
func (f *Following) read(ctx context.Context, spans []Span, workers []*follower) error {
	defer func() {
		for _, w := range workers {
			close(w.in)
		}
	}()
	index, filling, read, of := newPartitionIndex(spans), make([]batch, len(workers)), int64(0), size(spans)
	hand := func(to int) error {
		select {
		case workers[to].in <- filling[to].rows:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		filling[to] = batch{}
		select {
		case filling[to].rows = <-workers[to].spare:
		default:
		}
		return nil
	}
	err := f.Source.Read(ctx, spans, func(r *pipeline.Record) error {
		if read++; f.Progress != nil && read%4096 == 0 {
			f.Progress(read, of)
		}
		partition, ok := index.of(r)
		if !ok || !filling[partition%len(filling)].add(row{*r, partition}) {
			return nil
		}
		return hand(partition % len(filling))
	})
	if err != nil {
		return kafkaTrouble("read the topic", err)
	}
	for to := range filling {
		if err := hand(to); err != nil {
			return err
		}
	}
	return nil
}

func (w *follower) run(ctx context.Context) error {
	for rows := range w.in {
		for i := range rows {
			if err := w.row(ctx, &rows[i]); err != nil {
				return err
			}
		}
		clear(rows)
		select {
		case w.spare <- rows[:0]:
		default:
		}
	}
	return nil
}

// row notes what a record says of a row that is, or was, looked for. Trouble ends it: the caller waits for an answer.
func (w *follower) row(ctx context.Context, r *row) error {
	w.runner.Items.Reset()
	err := w.runner.Row(ctx, &r.Record, 0)
	if trouble, ok := errors.AsType[*pipeline.Trouble](err); ok {
		return trouble
	}
	key := w.runner.Change.Key
	if !says(key, err) {
		return nil
	}
	has := w.of.Wanted(w.runner.Items.Buf)
	if !has && len(w.keys) == 0 {
		return nil
	}
	name := r.Topic + "\x00" + string(key)
	f := w.keys[name]
	if f == nil && !has {
		return nil
	}
	if f == nil {
		f = &Followed{}
		w.keys[name] = f
	}
	s := Sight{At: r.At(), Changed: r.Timestamp.UTC(), Has: has,
		order: orderOf(r.Timestamp.UnixMilli(), r.partition)}
	f.Now.meet(s)
	if r.Offset < w.cuts[r.partition] {
		f.Then.meet(s)
	}
	return nil
}

// meet lets a sight take the place of an earlier one, as winners does with entries.
func (s *Sight) meet(later Sight) {
	same := partitionOf(s.order) == partitionOf(later.order) && s.At.Topic != ""
	switch {
	case same:
		later.order = max(later.order, s.order)
	case later.order < s.order:
		return
	}
	*s = later
}

func merged(workers []*follower) (list []Followed) {
	keys := map[string]*Followed{}
	for _, w := range workers {
		for name, f := range w.keys {
			other := keys[name]
			if other == nil {
				keys[name] = f
				continue
			}
			other.Now.meet(f.Now)
			if f.Then.At.Topic != "" {
				other.Then.meet(f.Then)
			}
		}
	}
	for _, f := range keys {
		list = append(list, *f)
	}
	slices.SortFunc(list, func(x, y Followed) int { return cmp.Compare(x.Now.order, y.Now.order) })
	return list
}
