package delivery

import (
	"cmp"
	"context"
	"log/slog"
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
	Failures      int                // the breaker opens after so many failed calls without one that worked; 5
}

// Gate lets the calls of one connection pass: so many at a time, so many a second, none while TikTok throttles, is away
// or refuses the token; then one, to see. Its syncs take turns. It is safe for concurrent use and needs no goroutine.
type Gate struct {
	cfg GateConfig
	log *slog.Logger

	mu       sync.Mutex
	inFlight int
	members  []*member // in turn: the next to be served first
	valves   map[valveKey]*valve
	buckets  map[string]*bucket
	worked   map[string]time.Time // by endpoint: when it last did its work
	failed   map[string]int       // by endpoint: calls that failed since
	timer    *time.Timer
}

// member is a queue at the gate.
type member struct {
	q       *Queue
	share   float64
	waiters []*waiter
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

// waiter is somebody at the gate. choose is asked under Gate.mu; open tells it whether calls for a field may pass.
type waiter struct {
	choose  func(now time.Time, open func(field string) bool) choice
	ready   chan *pass
	limited time.Time // since when it is held up by a limit
}

// NewGate makes a connection's gate. log may be nil.
func NewGate(cfg GateConfig, log *slog.Logger) *Gate {
	cfg.Failures = cmp.Or(cfg.Failures, 5)
	g := &Gate{
		cfg: cfg, log: cmp.Or(log, slog.New(slog.DiscardHandler)),
		valves: map[valveKey]*valve{}, buckets: map[string]*bucket{},
		worked: map[string]time.Time{}, failed: map[string]int{},
	}
	g.timer = time.AfterFunc(time.Hour, g.poke)
	g.timer.Stop()
	return g
}

func (g *Gate) join(q *Queue) *member {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := &member{q: q, share: 1}
	g.members = append(g.members, m)
	return m
}

func (g *Gate) part(m *member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.members = slices.DeleteFunc(g.members, func(other *member) bool { return other == m })
	g.refill()
}

// enter waits for a pass: the right to make one call. It fails when ctx ends, and gives nil when the waiter wants to leave.
func (g *Gate) enter(ctx context.Context, m *member, w *waiter) (*pass, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	w.ready = make(chan *pass, 1)
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

// poke looks again whether somebody may pass: something came, or left, or a time is reached.
func (g *Gate) poke() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.admit()
}
