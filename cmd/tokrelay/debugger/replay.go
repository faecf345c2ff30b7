package debugger

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
)

// replayer carries out one replay at a time, by the same rules as `tokrelay dlq replay`: first a plan, then, when it is
// confirmed, the rows.
type replayer struct {
	d *daemon.Daemon

	mu      sync.Mutex
	life    context.Context // of the page; nil before it runs
	current *replayView
	replay  *replay.Replay
	cancel  context.CancelFunc
	working sync.WaitGroup
}

// replayView is a replay as the page shows it. It is copied out under the replayer's lock.
type replayView struct {
	replayAsk
	Phase      string // planning, planned, running, done
	Dry        bool   // nothing is sent
	Plan       *replay.Plan
	Report     *replay.Report
	Done       int64
	Notice     string
	Problem    string
	Began      time.Time
	Duplicates bool // some rows are older than what TikTok remembers
}

func newReplayer(d *daemon.Daemon) *replayer { return &replayer{d: d} }

func (r *replayer) start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.life = ctx
}

// wait returns when nothing is under way any more. The page's context has ended before.
func (r *replayer) wait() { r.working.Wait() }

func (r *replayer) view() replayView {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil {
		return replayView{}
	}
	return *r.current
}

var errReplayBusy = problem{http.StatusConflict, "another replay is under way"}

// plan begins a replay: it counts, and sends nothing.
func (r *replayer) plan(ask replayAsk) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life == nil || r.life.Err() != nil {
		return problem{http.StatusServiceUnavailable, "the daemon is not running"}
	}
	if r.current != nil && (r.current.Phase == "planning" || r.current.Phase == "running") {
		return errReplayBusy
	}
	r.forget()
	o := ask.options()
	o.Notice = func(text string) { r.set(func(v *replayView) { v.Notice = text }) }
	o.Progress = func(n int64) { r.set(func(v *replayView) { v.Done += n }) }
	made, err := replay.New(r.d.Wiring.Config, r.d.Options(), o)
	if err != nil {
		return problem{http.StatusBadRequest, err.Error()}
	}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(r.life)
	r.replay, r.current = made, &replayView{replayAsk: ask, Phase: "planning", Began: time.Now()}
	r.working.Go(func() {
		plan, err := made.Plan(ctx, time.Now(), nil)
		r.set(func(v *replayView) {
			v.Phase, v.Plan = "planned", plan
			if err != nil {
				v.Phase, v.Problem = "done", err.Error()
			} else {
				v.Duplicates = plan.Old > 0
			}
		})
	})
	return nil
}

func (r *replayer) set(change func(*replayView)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil {
		change(r.current)
	}
}

// run sends what was planned; dry, it only finds out what would become of it.
func (r *replayer) run(dry, duplicates bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || r.current.Phase != "planned" || r.current.Plan.Rows == 0 {
		return problem{http.StatusConflict, "there is no plan to carry out"}
	}
	if r.current.Duplicates && !duplicates && !dry {
		return problem{http.StatusConflict, "some rows are older than what TikTok remembers; say that they may be counted twice"}
	}
	r.current.Phase, r.current.Dry = "running", dry
	ctx, cancel := context.WithCancel(r.life)
	r.cancel = cancel
	planned := r.replay
	r.working.Go(func() {
		do := planned.Run
		if dry {
			do = planned.DryRun
		}
		report, err := do(ctx)
		r.set(func(v *replayView) {
			v.Phase, v.Report, v.Notice = "done", report, ""
			if err != nil && !errors.Is(err, context.Canceled) {
				v.Problem = err.Error()
			}
		})
	})
	return nil
}

// stop ends what is under way, or drops the plan. What was not sent stays for the next replay.
func (r *replayer) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil && (r.current.Phase == "running" || r.current.Phase == "planning") {
		r.cancel()
		return
	}
	r.forget()
}

// forget lets the last replay go. mu is held; nothing is under way.
func (r *replayer) forget() {
	if r.replay != nil {
		r.cancel()
		r.replay.Close()
	}
	r.replay, r.current = nil, nil
}

func (p *Page) replays(*http.Request) (any, error) { return p.replay.view(), nil }

// replayAction is what the buttons do. Every one leads to the page that shows what came of it.
func (p *Page) replayAction(w http.ResponseWriter, r *http.Request) {
	var err error
	ask, unclear := readReplayAsk(r)
	ask.By = p.by(r)
	switch {
	case !p.d.Wiring.Config.Admin.Actions:
		err = problem{http.StatusForbidden, "the configuration does not let the page do this: set admin.actions"}
	case r.PathValue("action") == "plan" && unclear != nil:
		err = unclear
	case r.PathValue("action") == "plan":
		err = p.replay.plan(ask)
	case r.PathValue("action") == "run":
		err = p.replay.run(false, r.PostFormValue("duplicates") == "yes")
	case r.PathValue("action") == "try":
		err = p.replay.run(true, false)
	case r.PathValue("action") == "stop":
		p.replay.stop()
	default:
		err = errGone
	}
	if err != nil {
		p.answer(w, r, "replay", nil, err)
		return
	}
	p.d.Wiring.Log.Info("replay on the page", "by", p.by(r), "action", r.PathValue("action"), "sync", cmp.Or(ask.Sync, "all"), "reason", cmp.Or(ask.Reason, "all"))
	http.Redirect(w, r, "/replay", http.StatusSeeOther)
}
