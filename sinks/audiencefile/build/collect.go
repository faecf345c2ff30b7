package build

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/pipeline"
)

// collection is the first pass: it reads the topic into entries. A partition's records stay in their order: they all go to
// one worker.
type collection struct {
	builder *builder
	entries *spill
	marks   *marks
	workers []*worker
	spare   chan []row
	index   partitionIndex

	prefixes [][]byte // of keys, by partition
}

// collect reads the spans and returns when their entries are on disk and their letters acknowledged.
func (b *builder) collect(ctx context.Context, spans []Span, entries *spill, m *marks) (Counts, error) {
	c := &collection{builder: b, entries: entries, marks: m, spare: make(chan []row, 8*b.in.Parallel), index: newPartitionIndex(b.spans),
		prefixes: keyPrefixes(b.salt, b.spans)}
	group, ctx := errgroup.WithContext(ctx)
	for range b.in.Parallel {
		worker := c.newWorker()
		c.workers = append(c.workers, worker)
		group.Go(func() error { return worker.run(ctx) })
	}
	group.Go(func() error { return c.read(ctx, spans) })
	err := group.Wait()
	total := newCounts()
	for _, w := range c.workers {
		total.plus(&w.counts)
	}
	return total, err
}

// read hands the records to the workers.
func (c *collection) read(ctx context.Context, spans []Span) error {
	filling := make([]batch, len(c.workers))
	defer func() {
		for _, w := range c.workers {
			close(w.in)
		}
	}()
	err := c.builder.in.Source.Read(ctx, spans, func(r *pipeline.Record) error {
		partition, ok := c.index.of(r)
		if !ok {
			return nil
		}
		to := partition % len(filling)
		if !filling[to].add(row{*r, partition}) {
			return nil
		}
		return c.hand(ctx, to, &filling[to])
	})
	if err != nil {
		err = kafkaTrouble("read the topic", err)
	}
	for to := range filling {
		if err == nil {
			err = c.hand(ctx, to, &filling[to])
		}
	}
	return err
}

// row is a record and the index of its partition.
type row struct {
	pipeline.Record
	partition int
}

// batchRows and batchBytes bound what is handed to a worker at once.
const (
	batchRows  = 512
	batchBytes = 1 << 20
)

// batch is rows on their way to a worker.
type batch struct {
	rows  []row
	bytes int
}

// add reports whether the batch is full.
func (b *batch) add(r row) bool {
	b.rows = append(b.rows, r)
	b.bytes += len(r.Key) + len(r.Value)
	return len(b.rows) == batchRows || b.bytes >= batchBytes
}

// hand gives a batch to a worker and makes it an empty one.
func (c *collection) hand(ctx context.Context, to int, b *batch) error {
	select {
	case c.workers[to].in <- b.rows:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	b.bytes = 0
	select {
	case b.rows = <-c.spare:
	default:
		b.rows = make([]row, 0, batchRows)
	}
	return nil
}

// recycle takes back a batch's memory.
func (c *collection) recycle(rows []row) {
	clear(rows)
	select {
	case c.spare <- rows[:0]:
	default:
	}
}
