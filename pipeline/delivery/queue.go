package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// Queue delivers the items of one sync. Deliver may be called from many goroutines; Run must run for any of it to be
// sent.
type Queue struct {
	cfg    Config
	deps   Deps
	log    *slog.Logger
	member *member
	room   *semaphore.Weighted
	stamp  string // begins the ids of batches, so that those of two runs differ
	ended  chan struct{}
	guard  Guard // nil: none

	mu      sync.Mutex
	queues  map[string]*envelopeQueue // by envelope
	order   []*envelopeQueue          // those with something waiting, the next to be served first
	waiting int
	starved bool // nothing more comes before something is sent
	calls   map[*inFlight]struct{}
	batches int64
	warned  time.Time
}

// New makes a queue and enters it at its gate.
func New(cfg Config, deps Deps) *Queue {
	cfg = cfg.withDefaults()
	deps.Log = cmp.Or(deps.Log, slog.New(slog.DiscardHandler)).With("sync", deps.Sync)
	if deps.Metrics == nil {
		deps.Metrics = NewMetrics(nil, "", metrics.NewRows(nil), metrics.NewCalls(nil, ""))
	}
	if deps.Field == nil {
		deps.Field = func(envelope string) string { return envelope }
	}
	q := &Queue{
		cfg: cfg, deps: deps, log: deps.Log,
		room:   semaphore.NewWeighted(int64(cfg.Capacity)),
		stamp:  "b" + strconv.FormatInt(time.Now().UnixMilli(), 36) + "-",
		ended:  make(chan struct{}),
		queues: map[string]*envelopeQueue{}, calls: map[*inFlight]struct{}{},
	}
	q.member = deps.Gate.join(q)
	deps.Metrics.begin(deps.Endpoint, cfg.Capacity)
	return q
}

// Guard counts how rows end, each once, as they do, and may stop the sync: no call is made then and no letter written.
type Guard interface {
	Delivered() // at least one
	Refused(why *pipeline.Rejection)
	Stopped() bool
	Wait(ctx context.Context) error // until it is not stopped; an error only when ctx ended
}

// Watch has a guard look after the queue, before Run; after it has let the sync go on it calls what Watch returns.
func (q *Queue) Watch(g Guard) (goOn func()) {
	q.guard = g
	return q.deps.Gate.recheck
}

// Starve tells the queue that nothing more can come before something is sent, or that it can again. What waits is sent at once where nothing can.
func (q *Queue) Starve(starved bool) {
	q.mu.Lock()
	q.starved = starved
	q.mu.Unlock()
	if starved {
		q.deps.Gate.recheck()
	}
}

// IsStopped reports whether nothing is sent, because the sync is paused or stopped.
func (q *Queue) IsStopped() bool { return q.guard != nil && q.guard.Stopped() }

var errEnded = errors.New("the sync's delivery has ended")

// Deliver sends the items of a chunk's unsettled rows and returns nil when all of these rows are settled: delivered, or
// dead-lettered. It blocks while too much is under way. It fails only when ctx, or Run, ends before that, or with
// pipeline.ErrHeld: nothing of the chunk is sent any more then, and its unsettled rows are to be delivered again. Nothing refers to
// items once it returned.
func (q *Queue) Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	d := newDelivery(c, items)
	if d.rows == 0 {
		return nil
	}
	if q.deps.Tracing != nil {
		d.span = tracing.ChunkOf(ctx)
	}
	room := int64(min(d.count, q.cfg.Capacity))
	if err := q.room.Acquire(ctx, room); err != nil {
		return fmt.Errorf("deliver %v: %w", c, err)
	}
	defer q.room.Release(room)
	q.enqueue(d)
	err := q.await(ctx, d)
	items.Late = q.isLate(d)
	if err != nil {
		return fmt.Errorf("deliver %v: %w", c, err)
	}
	return nil
}

func (q *Queue) isLate(d *delivery) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return d.late
}

func (q *Queue) await(ctx context.Context, d *delivery) error {
	leaving, look := pipeline.Leaving(ctx), (<-chan time.Time)(nil)
	for {
		select {
		case <-d.done:
			return nil
		case <-ctx.Done():
			return q.leave(d, context.Cause(ctx))
		case <-q.ended:
			return q.leave(d, errEnded)
		case <-leaving:
			leaving, look = nil, time.After(0)
		case <-look:
			if q.isHeld(d) {
				return q.leave(d, pipeline.ErrHeld)
			}
			look = time.After(lookEvery)
		}
	}
}

// enqueue adds the items to the queues of their envelopes, in order.
func (q *Queue) enqueue(d *delivery) {
	q.mu.Lock()
	queues := make([]*envelopeQueue, len(d.items.Envelopes))
	for i, it := range d.items.List {
		if d.open[it.Row] == 0 {
			continue
		}
		l := queues[it.Envelope]
		if l == nil {
			l = q.queueOf(d.items.Envelopes[it.Envelope])
			l.entries = slices.Grow(l.entries, d.count/len(queues))
			queues[it.Envelope] = l
		}
		l.addEntry(entry{d, int32(i)})
	}
	q.count(d.count)
	q.mu.Unlock()
	q.deps.Gate.recheck()
}

// queueOf finds the queue of an envelope, or adds it as the last to be served.
func (q *Queue) queueOf(envelope string) *envelopeQueue {
	l := q.queues[envelope]
	if l == nil {
		l = &envelopeQueue{envelope: envelope, field: q.deps.Field(envelope)}
		q.queues[envelope] = l
		q.order = append(q.order, l)
	}
	return l
}

func (q *Queue) count(delta int) {
	q.waiting += delta
	q.deps.Metrics.queue.Set(float64(q.waiting))
}

// takeEntries takes the entries of the next call out of an envelope's queue, which is then the last to be served. An empty
// queue is forgotten.
func (q *Queue) takeEntries(envelope string, most int) []entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.queues[envelope]
	if l == nil {
		return nil
	}
	taken := l.takeEntries(make([]entry, 0, min(most, l.len())), most, q.cfg.MaxBytes-len(envelope)-requestFrame)
	q.count(-len(taken))
	q.order = append(slices.DeleteFunc(q.order, func(other *envelopeQueue) bool { return other == l }), l)
	q.sweep()
	return taken
}

// sweep forgets empty queues.
func (q *Queue) sweep() {
	q.order = slices.DeleteFunc(q.order, func(l *envelopeQueue) bool {
		if l.len() == 0 {
			delete(q.queues, l.envelope)
		}
		return l.len() == 0
	})
}

// requestFrame is room for what a request says besides its items and its envelope.
const requestFrame = 512

// leave takes a delivery out. Calls in flight that carry its items get the grace to end; then they are cut off, and what
// they would have settled is sent again some day.
func (q *Queue) leave(d *delivery, why error) error {
	q.mu.Lock()
	d.gone = true
	for _, l := range q.queues {
		before := l.len()
		l.drop(d)
		q.count(l.len() - before)
	}
	q.sweep()
	idle := make(chan struct{})
	if d.idle = idle; d.calls == 0 {
		close(idle)
	}
	q.mu.Unlock()
	q.deps.Gate.recheck()
	answered := q.awaitCalls(idle)
	d.reading.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	d.left, d.late = true, d.late || !answered
	if d.rows == 0 {
		return nil
	}
	return why
}

// awaitCalls waits until a leaving delivery has no call in flight, for the grace at most; it reports whether that was enough.
func (q *Queue) awaitCalls(idle chan struct{}) bool {
	grace := time.NewTimer(q.cfg.Grace)
	defer grace.Stop()
	select {
	case <-idle:
		return true
	case <-grace.C:
		q.cutOff()
		return false
	}
}

// cutOff ends the calls that no delivery waits for any more.
func (q *Queue) cutOff() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for f := range q.calls {
		if !slices.ContainsFunc(f.entries, func(e entry) bool { return !e.d.gone }) {
			f.cancel()
		}
	}
}
