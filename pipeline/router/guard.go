package router

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// refusalsInARow stops a sync whose rows TikTok refuses one after the other while it takes none: a small sync would take days to
// fill the window.
const refusalsInARow = 20

// RejectedShare is when a sync stops instead of draining its topic into dead letters: a mapping that is wrong rejects
// row after row.
type RejectedShare struct {
	Share settings.Percent `yaml:"share" default:"50%" doc:"Stop when more than this share of the last rows was rejected. 0% allows none; 100% never stops."`
	Rows  int              `yaml:"rows" default:"1000" doc:"How many rows are looked back on. Nothing stops before that many, except after 20 rows in a row that TikTok refused."`
}

// Validate reports what cannot work.
func (r *RejectedShare) Validate(at settings.Place) {
	if r.Rows < 1 || r.Rows > 1_000_000 {
		at.Key("rows").Problem("must be between 1 and 1000000", "share: 100% never stops")
	}
}

// rejectionGuard looks back on the last rows of a sync, skipped ones left out, and stops the sync before letters are written
// when too many were rejected. An operator may stop it too.
type rejectionGuard struct {
	rule     RejectedShare
	troubles *troubles
	goOn     func() // after a stop is over; nil: none

	mu       sync.Mutex
	rows     []bool // a ring: was it rejected?
	next     int
	seen     int
	rejected int
	inARow   int           // rows refused since one was delivered
	stopped  bool          // too many were rejected
	accept   time.Time     // until then it does not stop
	resumed  chan struct{} // not nil while stopped, or paused by an operator
}

func newRejectionGuard(rule RejectedShare, t *troubles) *rejectionGuard {
	return &rejectionGuard{rule: rule, troubles: t, rows: make([]bool, rule.Rows)}
}

// Wait returns when the sync is not stopped, or ctx's error.
func (g *rejectionGuard) Wait(ctx context.Context) error { return g.wait(ctx, nil) }

// WaitHeld is Wait for a chunk: it is ErrHeld when the chunk's partition is to be given up.
func (g *rejectionGuard) WaitHeld(ctx context.Context) error {
	return g.wait(ctx, pipeline.Leaving(ctx))
}

func (g *rejectionGuard) wait(ctx context.Context, leaving <-chan struct{}) error {
	g.mu.Lock()
	resumed := g.resumed
	g.mu.Unlock()
	if resumed == nil {
		return nil
	}
	select {
	case <-resumed:
		return nil
	case <-leaving:
		return pipeline.ErrHeld
	case <-ctx.Done():
		return ctx.Err()
	}
}

// admit looks at a chunk's rows before its letters are written. When they are too many, the sync stops: the chunk, and
// every other one that comes here, waits for resume or for the end of its context.
func (g *rejectionGuard) admit(ctx context.Context, tried []bool, letters []pipeline.Letter) error {
	g.mu.Lock()
	for _, rejected := range tried {
		g.push(rejected)
	}
	if g.exceeded() && !g.stopped {
		g.stop(letters)
	}
	g.mu.Unlock()
	return g.WaitHeld(ctx)
}

// Delivered ends a run of refusals.
func (g *rejectionGuard) Delivered() {
	g.mu.Lock()
	g.inARow = 0
	g.mu.Unlock()
}

// Refused counts an admitted row that the destination has refused, as soon as that is known.
func (g *rejectionGuard) Refused(why *pipeline.Rejection) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inARow++
	g.turn()
	if g.exceeded() && !g.stopped {
		g.stop([]pipeline.Letter{{Rejection: why}})
	}
}

// Stopped reports whether the sync is stopped, or paused.
func (g *rejectionGuard) Stopped() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.resumed != nil
}

// turn makes the youngest row that counts as good a rejected one.
func (g *rejectionGuard) turn() {
	for back := range g.seen {
		at := (g.next - 1 - back + len(g.rows)) % len(g.rows)
		if !g.rows[at] {
			g.rows[at] = true
			g.rejected++
			return
		}
	}
}

func (g *rejectionGuard) push(rejected bool) {
	if len(g.rows) == 0 {
		return // nothing is looked back on
	}
	if g.rows[g.next] {
		g.rejected--
	}
	if rejected {
		g.rejected++
	}
	g.rows[g.next] = rejected
	g.next = (g.next + 1) % len(g.rows)
	g.seen = min(g.seen+1, len(g.rows))
}

func (g *rejectionGuard) exceeded() bool {
	if len(g.rows) == 0 || g.rule.Share >= 1 || time.Now().Before(g.accept) {
		return false
	}
	return g.inARow >= refusalsInARow || g.seen == len(g.rows) && float64(g.rejected) > float64(g.rule.Share)*float64(len(g.rows))
}

func (g *rejectionGuard) stop(letters []pipeline.Letter) {
	g.stopped = true
	g.shut()
	what := fmt.Sprintf("%d of the last %d rows were rejected", g.rejected, g.seen)
	if g.inARow >= refusalsInARow {
		what = fmt.Sprintf("%d rows in a row were refused and none was delivered", g.inARow)
	}
	g.troubles.enter("", &pipeline.Trouble{Kind: pipeline.TroubleRejected, Stop: true,
		What: what + mostly(letters) + ": correct the mapping and restart; or, once the cause is gone elsewhere, tokrelay resume --sync " + g.troubles.sync +
			", with --accept-rejections 1h to have such rows dead-lettered for a while"})
}

// mostly names the reason most letters have.
func mostly(letters []pipeline.Letter) string {
	counts := map[string]int{}
	top := ""
	for _, l := range letters {
		what := string(l.Rejection.Reason)
		if l.Rejection.Field != "" {
			what += " (" + l.Rejection.Field + ")"
		}
		if counts[what]++; counts[what] > counts[top] {
			top = what
		}
	}
	if top == "" {
		return ""
	}
	return ", mostly for " + top
}

// pause stops the sync until resume.
func (g *rejectionGuard) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut()
}

// shut has the sync wait. g.mu is held.
func (g *rejectionGuard) shut() {
	if g.resumed == nil {
		g.resumed = make(chan struct{})
	}
}

// resume lets a stopped or paused sync go on, and forgets the rows it stopped for. Until accept no share stops it.
func (g *rejectionGuard) resume(accept time.Time) bool {
	held, stopped := g.clear(accept)
	if stopped {
		g.troubles.leave(pipeline.TroubleRejected)
	}
	if held && g.goOn != nil {
		g.goOn()
	}
	return held
}

func (g *rejectionGuard) clear(accept time.Time) (held, stopped bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	held, stopped = g.resumed != nil, g.stopped
	g.accept, g.stopped = accept, false
	if held {
		clear(g.rows)
		g.next, g.seen, g.rejected, g.inARow = 0, 0, 0, 0
		close(g.resumed)
		g.resumed = nil
	}
	return held, stopped
}
