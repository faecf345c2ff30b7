package audiencefile

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// Request is a wish for a run that a command leaves in the state topic, for whichever instance serves the audience.
type Request struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Why     string    `json:"why"`
	Force   bool      `json:"force,omitempty"`
	Rebuild bool      `json:"rebuild,omitempty"`
}

// Ask leaves a request: after a resync, for example. The newest request counts.
func Ask(ctx context.Context, store audience.Store, advertiser string, a Audience, r Request) error {
	d := Deps{Store: store, ledger: AudienceKey(advertiser, a)}
	r.ID = rand.Text()
	return d.save(ctx, "request", r)
}

// lookEvery is how often Serve looks whether something is to be done.
const lookEvery = 15 * time.Second

// Serve makes runs when they are due, by the schedule or by request, until ctx ends. A time of the schedule that passed
// while no instance was there is made up for, once. All instances may serve: the ledger says what is dealt with.
func (j *Job) Serve(ctx context.Context) error {
	began := j.deps.now()
	for {
		if err := j.doDue(ctx, began); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			j.trouble(sourceServe, j.asTrouble(err))
		} else {
			j.clear(sourceServe)
		}
		if err := pipeline.Wait(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// sourceServe is the status's source for what keeps Serve from looking.
const sourceServe = "serve"

// doDue does what is due now, if anything.
func (j *Job) doDue(ctx context.Context, began time.Time) error {
	l, q := ledger{}, Request{}
	if err := j.deps.load(ctx, "ledger", &l); err != nil {
		return err
	}
	if err := j.deps.load(ctx, "request", &q); err != nil {
		return err
	}
	j.showDue(&l, began)
	o, due := j.due(&l, &q, began)
	var err error
	switch {
	case due && j.deps.Paused != nil && j.deps.Paused():
	case due:
		var m *Manifest
		if m, err = j.Run(ctx, o); m != nil {
			return nil // the run's own trouble, which it has reported
		}
	case j.unsettled(&l):
		_, err = j.Settle(ctx)
	case l.AudienceID != "" && !j.deps.now().Before(j.lookAt):
		j.look(ctx, l.AudienceID)
	}
	if errors.Is(err, ErrBusy) {
		return nil // another instance is at it
	}
	return err
}

// due says what run is due.
func (j *Job) due(l *ledger, q *Request, began time.Time) (Options, bool) {
	now := j.deps.now()
	o := Options{Why: "schedule", window: j.window(l, began, now)}
	switch {
	case q.ID != "" && q.ID != l.Request:
		o.Why, o.Force, o.Rebuild, o.request = q.Why, q.Force, q.Rebuild, q.ID
		return o, true
	case !l.Again.IsZero() && !now.Before(l.Again):
		o.Why = "again"
		return o, true
	}
	return o, !o.window.IsZero() && l.Again.IsZero()
}

// window is the newest time of the schedule that is not dealt with. Before the first run ever, times count from the start
// of this process on.
func (j *Job) window(l *ledger, began, now time.Time) time.Time {
	if j.plan.schedule == nil {
		return time.Time{}
	}
	return j.plan.schedule.last(j.dealtWith(l, began), now)
}

// dealtWith is the time up to which the schedule is dealt with.
func (*Job) dealtWith(l *ledger, began time.Time) time.Time {
	if l.Window.IsZero() {
		return latest(began, l.LastRun)
	}
	return l.Window
}

// showDue publishes when an upload is wanted: alerts follow each sync's own schedule.
func (j *Job) showDue(l *ledger, began time.Time) {
	if j.plan.schedule == nil {
		return
	}
	at := l.Missed
	if at.IsZero() {
		at = j.plan.schedule.after(j.dealtWith(l, began))
	}
	metrics.SetTime(j.deps.Metrics.due.WithLabelValues(), at)
}

// unsettled reports whether TikTok is to be asked about the last upload now.
func (j *Job) unsettled(l *ledger) bool {
	return l.Last != nil && l.Last.Settled == "" &&
		!j.deps.now().Before(latest(l.Last.At, l.Last.Checked).Add(j.plan.cfg.ReadBack.Std()))
}

// Settle asks TikTok once how it is getting on with the last upload, and returns the outcome, "" while it goes on.
func (j *Job) Settle(ctx context.Context) (Settled, error) {
	held, release, err := j.alone(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	l := ledger{}
	if err := j.deps.load(held, "ledger", &l); err != nil || l.Last == nil || l.Intent != nil {
		return "", err
	}
	if err = j.settle(held, &l); err == nil {
		err = j.share(held, &l)
	}
	if held.Err() != nil {
		err = context.Cause(held)
	}
	return l.Last.Settled, err
}
