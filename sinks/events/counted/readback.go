package counted

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/events"
)

const (
	// Window is how many days are compared, today among them.
	Window   = 8
	askEvery = 6 * time.Hour
	askAgain = 15 * time.Minute // where it failed
)

// Readback compares from time to time. It is safe for concurrent use.
type Readback struct {
	docs     Docs
	accounts []Account
	now      func() time.Time
	log      *slog.Logger
	counts   *prometheus.GaugeVec
	read     prometheus.Gauge

	mu   sync.Mutex
	last *Comparison
}

// NewReadback makes one, with its metrics in reg.
func NewReadback(docs Docs, accounts []Account, now func() time.Time, reg prometheus.Registerer, log *slog.Logger) *Readback {
	return &Readback{
		docs: docs, accounts: accounts, now: now, log: log,
		counts: metrics.Gauge(reg, "events_counted", "Events of the newest day of UTC that has been over for a day: sent by all instances, and as TikTok counts them.", "pixel", "event", "what"),
		read:   metrics.Gauge(reg, "events_counted_timestamp_seconds", "When TikTok's statistics of events were last read without a problem.").WithLabelValues(),
	}
}

// Last is the last comparison; nil before the first.
func (r *Readback) Last() *Comparison {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Run compares soon after the start, at a moment of each instance's own, then every six hours until ctx ends. Problems are
// logged when they change; nothing waits for them.
func (r *Readback) Run(ctx context.Context) {
	said, pause := "", time.Minute+rand.N(time.Minute)
	for pipeline.Wait(ctx, pause) == nil {
		pause = askEvery
		problem := r.Read(ctx)
		if problem != "" {
			pause = askAgain
		}
		if problem != said && problem != "" && ctx.Err() == nil {
			r.log.Warn("what TikTok counts of the events sent is not known; sending goes on", "problem", problem)
		}
		said = problem
	}
}

// Read compares now, shows it, and gives the problems in one text.
func (r *Readback) Read(ctx context.Context) (problem string) {
	c, err := Compare(ctx, r.docs, r.accounts, r.now(), Days(r.now(), Window))
	if err == nil {
		err = forget(ctx, r.docs, r.now())
	}
	if c == nil {
		return err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = c
	r.show(c)
	if err != nil {
		return err.Error()
	}
	if len(c.Problems) == 0 {
		metrics.SetTime(r.read, c.Time)
	}
	return strings.Join(c.Problems, "; ")
}

// show shows the settled day. Custom names count together.
func (r *Readback) show(c *Comparison) {
	day := SettledDay(c.Time)
	r.counts.Reset()
	for i := range c.Lines {
		l := &c.Lines[i]
		if l.Day != day || l.Counted == nil {
			continue
		}
		name := "custom"
		if events.IsStandard(l.Event) {
			name = l.Event
		}
		for what, n := range map[string]int64{"sent": l.Sent, "total": l.Counted.Total, "server": l.Counted.Server, "browser": l.Counted.Browser, "attributed": l.Counted.Attributed} {
			r.counts.WithLabelValues(l.Source, name, what).Add(float64(n))
		}
	}
}
