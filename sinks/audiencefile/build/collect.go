package audiencefile

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/pipeline"
)

// collection reads the topic into entries. A partition's records stay in their order: they all go to one worker.
type collection struct {
	build   *build
	entries *spill
	written *written
	workers []*worker
	spare   chan []row
	index   partitionIndex

	prefixes [][]byte // of keys, by partition
}

// collect reads the spans and returns when their entries are on disk and their letters acknowledged.
func (b *build) collect(ctx context.Context, spans []Span, entries *spill, w *written) (Counts, error) {
	c := &collection{build: b, entries: entries, written: w, spare: make(chan []row, 8*b.parallel), index: newPartitionIndex(b.spans),
		prefixes: keyPrefixes(b.salt, b.spans)}
	group, ctx := errgroup.WithContext(ctx)
	for range b.parallel {
		worker := c.worker()
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

func (c *collection) worker() *worker {
	w := &worker{collection: c, build: c.build, maker: c.build.plan.Maker(), in: make(chan []row, 4), counts: newCounts(),
		out: c.entries.writer(c.build.memory.buffer(c.build.parallel)), share: share{most: c.build.maxRejected}}
	w.runner.Steps = w.stepsOf(c.build.deps.NewSteps())
	return w
}

// read hands the records to the workers.
func (c *collection) read(ctx context.Context, spans []Span) error {
	hands := make([]hand, len(c.workers))
	defer func() {
		for _, w := range c.workers {
			close(w.in)
		}
	}()
	err := c.build.deps.Source.Read(ctx, spans, func(r *pipeline.Record) error {
		partition, ok := c.index.of(r)
		if !ok {
			return nil
		}
		to := partition % len(hands)
		if !hands[to].add(row{*r, partition}) {
			return nil
		}
		return c.give(ctx, to, &hands[to])
	})
	if err != nil {
		err = kafkaTrouble("read the topic", err)
	}
	for to := range hands {
		if err == nil {
			err = c.give(ctx, to, &hands[to])
		}
	}
	return err
}

// hand is a batch being filled.
type hand struct {
	rows  []row
	bytes int
}

// add tells whether the batch is full.
func (h *hand) add(r row) bool {
	h.rows = append(h.rows, r)
	h.bytes += len(r.Key) + len(r.Value)
	return len(h.rows) == batchRows || h.bytes >= batchBytes
}

func (c *collection) give(ctx context.Context, to int, h *hand) error {
	select {
	case c.workers[to].in <- h.rows:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	h.bytes = 0
	select {
	case h.rows = <-c.spare:
	default:
		h.rows = make([]row, 0, batchRows)
	}
	return nil
}

// recycle takes back a batch's memory.
func (c *collection) recycle(batch []row) {
	clear(batch)
	select {
	case c.spare <- batch[:0]:
	default:
	}
}

// partitionIndex numbers the partitions of a run.
type partitionIndex struct {
	numbers map[partitionID]int
	last    partitionID
	number  int
}

type partitionID struct {
	topic string
	id    int32
}

func newPartitionIndex(spans []Span) partitionIndex {
	x := partitionIndex{numbers: map[partitionID]int{}}
	for i, s := range spans {
		x.numbers[partitionID{s.Topic, s.Partition}] = i
	}
	return x
}

func (x *partitionIndex) of(r *pipeline.Record) (number int, ok bool) {
	if id := (partitionID{r.Topic, r.Partition}); id != x.last {
		if x.number, ok = x.numbers[id]; !ok {
			return 0, false
		}
		x.last = id
	}
	return x.number, true
}

// wait waits until a trouble that passes may have passed.
func (c *collection) wait(ctx context.Context, t *pipeline.Trouble, tries int) error {
	c.build.job.trouble(sourceRead, t)
	return pipeline.Backoff{First: time.Second, Most: 30 * time.Second}.Wait(ctx, tries)
}

func (c *collection) clear(had bool) {
	if had {
		c.build.job.clear(sourceRead)
	}
}

// kafkaTrouble makes a trouble of what the source says, unless it is one.
func kafkaTrouble(doing string, err error) error {
	if _, ok := errors.AsType[*pipeline.Trouble](err); ok || errors.Is(err, context.Canceled) {
		return err
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: doing + ": " + err.Error()}
}
