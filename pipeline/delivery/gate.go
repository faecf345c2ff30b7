package delivery

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// GateConfig bounds the calls of one connection.
type GateConfig struct {
	CallsInFlight int
	Endpoints     map[string]float64 // most calls a second by endpoint; "" is any other; 0 or absent: no limit
	Field         float64            // most calls a second for one pixel
	Advertiser    float64            // most calls a second of the connection
	Failures      int                // the breaker opens after that many failed calls without one that worked; 5
}

// Gate gives permits for the calls of one connection: a number at a time and a second, none while TikTok throttles, is away
// or refuses the token; then one, to probe. Its syncs are served in turn. It is safe for concurrent use and needs no goroutine.
type Gate struct {
	cfg GateConfig

	mu       sync.Mutex
	inFlight int
	members  []*member // the next to be served first
	breakers map[breakerKey]*breaker
	buckets  map[string]*bucket
	shares   map[string]float64 // of the limits, by endpoint; nil: all of them
	record   record
	timer    *time.Timer
	news     []func() // for the status, when mu is free

	telling sync.Mutex // news in their order
}

// member is a queue at the gate.
type member struct {
	q       *Queue
	waiters []*waiter
	fields  map[string]bool // it has made calls for
}

// choice is what a waiter wants at this moment.
type choice struct {
	kind     choiceKind
	envelope string
	field    string
	wake     time.Time // for wait: when to ask again, if it is known
}

type choiceKind uint8

const (
	choiceWait  choiceKind = iota // nothing to send yet
	choiceSend                    // one call
	choiceLeave                   // there will be nothing to send any more
)

// waiter is a caller that waits for a permit. choose is asked under Gate.mu; allowed reports whether a call for a field may be made.
type waiter struct {
	choose  func(now time.Time, allowed func(field string) bool) choice
	ready   chan *permit
	limited time.Time // since when it is held up by a limit
}

// NewGate makes a connection's gate.
func NewGate(cfg GateConfig) *Gate {
	cfg.Failures = cmp.Or(cfg.Failures, 5)
	g := &Gate{
		cfg: cfg, breakers: map[breakerKey]*breaker{}, buckets: map[string]*bucket{}, record: newRecord(),
	}
	g.timer = time.AfterFunc(time.Hour, g.recheck)
	g.timer.Stop()
	return g
}

func (g *Gate) join(q *Queue) *member {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := &member{q: q, fields: map[string]bool{}}
	g.members = append(g.members, m)
	g.refill()
	return m
}

func (g *Gate) leave(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
	g.refill()
}

// acquire waits for a permit: the right to make one call. It fails when ctx ends, and gives nil when the waiter wants to leave.
func (g *Gate) acquire(ctx context.Context, m *member, w *waiter) (*permit, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w.ready = make(chan *permit, 1)
	g.mu.Lock()
	m.waiters = append(m.waiters, w)
	g.admit()
	g.mu.Unlock()
	select {
	case p := <-w.ready:
		return p, nil
	case <-ctx.Done(): // no call begins any more, not even one that was just let in
		g.withdraw(m, w)
		return nil, context.Cause(ctx)
	}
}

func (g *Gate) withdraw(m *member, w *waiter) {
	g.mu.Lock()
	m.drop(w)
	g.mu.Unlock()
	select {
	case p := <-w.ready:
		p.cancel()
	default:
	}
}

func (m *member) drop(w *waiter) {
	m.waiters = slices.DeleteFunc(m.waiters, func(other *waiter) bool { return other == w })
}

// recheck looks again for callers that may go on: something came, or left, or a time is reached.
func (g *Gate) recheck() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admit()
}

// unlock frees mu, and tells then what was found: what is told is logged, and no call waits for that.
func (g *Gate) unlock() {
	told := len(g.news) > 0
	g.mu.Unlock()
	if told {
		g.tell()
	}
}

func (g *Gate) tell() {
	g.telling.Lock()
	defer g.telling.Unlock()
	g.mu.Lock()
	news := g.news
	g.news = nil
	g.mu.Unlock()
	for _, tell := range news {
		tell()
	}
}
