package kafka

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Transactions writes records together with the offset of the chunk that they were made of, while a Consumer reads the chunks. What
// an instance writes that was cut off is never seen: Kafka refuses offsets of a generation that the group does not know any more.
//
// Chunk may be called by several goroutines, for one chunk of a partition at a time. One goroutine, Run's, ends transactions: what
// waits meanwhile shares the next one.
type Transactions struct {
	consumer *Consumer
	cfg      Config
	id       string // of the transactions: a client that is made again ends what the one before it has left open
	log      *slog.Logger

	wake    chan struct{} // chunks wait
	now     *transactor   // Run's; nil: to be made
	failing time.Time     // Run's: since when transactions fail; zero: they do not
	gather  time.Duration // Run's: how long the next one waits for chunks

	mu      sync.Mutex
	waiting []*transacted
	ended   bool
}

// NewTransactions makes them for the chunks of one Consumer; it opens no connection.
func NewTransactions(cfg Config, c *Consumer, log *slog.Logger) *Transactions {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Transactions{consumer: c, cfg: cfg, id: c.opts.Group + "." + rand.Text(), log: log, wake: make(chan struct{}, 1)}
}

// Chunk has write write what follows of a chunk, and returns nil once that and the chunk's offset are committed; a chunk that
// writes nothing is left to the Consumer's own commits. write is called once for each
// transaction that is tried, by another goroutine: it must write the same each time, and neither wait nor panic. It is not called any
// more once Chunk has returned. What fails is tried again until ctx ends, whose cause is returned then: the chunk is not ours
// any more, or comes again. The other error is pipeline.ErrHeld, when Kafka has refused for a while and the partition is to be given up.
func (t *Transactions) Chunk(ctx context.Context, chunk *pipeline.Chunk, write func(Write)) error {
	w := &transacted{ctx: ctx, chunk: chunk, write: write, answer: make(chan error, 1)}
	t.add(w)
	select {
	case err := <-w.answer:
		return err
	case <-ctx.Done():
		return w.leave(context.Cause(ctx))
	}
}

// add has a chunk wait for the next transaction.
func (t *Transactions) add(list ...*transacted) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		answerAll(list, pipeline.ErrHeld)
		return
	}
	t.waiting = append(t.waiting, list...)
	if len(t.waiting) == 0 {
		return
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Run ends transactions until ctx ends, then closes. End ctx once no chunk is handled any more: one that waits yet, or comes later, is
// answered with pipeline.ErrHeld. It returns nil.
func (t *Transactions) Run(ctx context.Context) error {
	defer t.end()
	for failures := 0; ; {
		select {
		case <-t.wake:
		case <-ctx.Done():
			return nil
		}
		if pipeline.Wait(ctx, t.gather) != nil {
			return nil
		}
		list := t.take()
		if len(list) == 0 {
			continue
		}
		began := time.Now()
		err := t.transact(ctx, list)
		t.gather = gatherFor(list, time.Since(began))
		t.add(unanswered(list)...)
		switch {
		case err == nil:
			failures = 0
			t.fine()
		default:
			t.failed(err, began)
			_ = transactionBackoff.Wait(ctx, failures)
			failures++
		}
	}
}

// mostGather bounds how long a transaction waits for chunks.
const mostGather = 20 * time.Millisecond

// gatherFor is how long the next transaction waits for the chunks that follow those of the last one: a small part of what a transaction takes.
// Without it half of the partitions would share one, and the other half the next.
func gatherFor(last []*transacted, took time.Duration) time.Duration {
	if len(last) < 2 {
		return 0
	}
	return min(took/8, mostGather)
}

var transactionBackoff = pipeline.Backoff{First: firstBackoff, Most: 5 * time.Second, Low: 0.5, High: 1}

// take is what the next transaction is made of: all that waits.
func (t *Transactions) take() []*transacted {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting = slices.DeleteFunc(t.waiting, (*transacted).isGone)
	list := t.waiting
	t.waiting = nil
	return list
}

// end answers what waits, and closes.
func (t *Transactions) end() {
	t.mu.Lock()
	t.ended = true
	answerAll(t.waiting, pipeline.ErrHeld)
	t.mu.Unlock()
	t.discard()
	t.fine()
}

// fine notes that transactions are committed.
func (t *Transactions) fine() {
	t.failing = time.Time{}
	t.consumer.calm(sourceTransactions)
}

// failed tells the operator of what does not pass soon. Chunks of partitions that are to be given up do not wait for that.
func (t *Transactions) failed(err error, began time.Time) {
	t.log.Debug("a transaction was not committed, and is tried again", "error", err)
	if errors.Is(err, errNotOurs) || errors.Is(err, ErrPutOut) {
		return
	}
	if t.failing.IsZero() {
		t.failing = began
	}
	trouble := t.trouble(err)
	if !trouble.Stop && time.Since(t.failing) < awayAfter {
		return
	}
	t.consumer.troubled(sourceTransactions, trouble)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.waiting {
		select {
		case <-pipeline.Leaving(w.ctx):
			w.reply(pipeline.ErrHeld)
		default:
		}
	}
}
