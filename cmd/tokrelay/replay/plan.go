package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// Plan is what a replay would send, and what it would not.
type Plan struct {
	Rows      int64              `json:"rows"`
	Groups    []deadletter.Count `json:"groups"`    // of Rows, by sync and reason
	Old       int64              `json:"old"`       // of Rows: first rejected longer ago than TikTok's dedupe reaches back
	Looped    int64              `json:"looped"`    // replayed MostReplays times already: held back unless forced
	Elsewhere int64              `json:"elsewhere"` // of syncs that the configuration does not have, or that cannot be replayed
	Done      int64              `json:"done"`      // chosen, and done by earlier replays with other filters
	Resumed   bool               `json:"resumed"`   // earlier replays have done a part
}

// Plan reads the letters' headers and counts. It changes nothing.
func (r *Replay) Plan(ctx context.Context, now time.Time, progress func(done, of int64)) (*Plan, error) {
	if err := r.find(ctx); err != nil {
		return nil, err
	}
	plan, tally := &Plan{}, deadletter.NewTally([]string{"sync", "reason"})
	var read int64
	count := func() {
		if read++; progress != nil && read%4096 == 0 {
			progress(read, r.span.Records)
		}
	}
	plan.Resumed = r.resumed()
	err := deadletter.Rows(ctx, daemon.LettersIn(r.wiring.Admin), r.span, &r.options.Filter, count, func(record *pipeline.Record, h *deadletter.Head) error {
		return r.planRow(plan, tally, record, h, now)
	})
	if err != nil && !errors.Is(err, admin.ErrStop) {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	plan.Groups = tally.Counts()
	r.report.Rows = plan.Rows
	for _, of := range r.syncs {
		if err := errors.Join(of.plain.fits(), of.forced.fits()); err != nil {
			return nil, err
		}
	}
	return plan, r.findOvertaken(ctx)
}

func (r *Replay) planRow(plan *Plan, tally *deadletter.Tally, record *pipeline.Record, h *deadletter.Head, now time.Time) error {
	p := r.wants(record, h)
	switch {
	case r.syncs[string(h.Sync)] == nil:
		plan.Elsewhere++
	case p == nil:
		plan.Done++
	case r.sends(record, h) == nil:
		plan.Looped++
	default:
		plan.Rows++
		p.plan(record)
		tally.Add(record, h)
		if now.Sub(firstFailed(record, h)) > DedupeWindow {
			plan.Old++
		}
		if r.options.Limit > 0 && plan.Rows == r.options.Limit {
			return admin.ErrStop
		}
	}
	return nil
}

// firstFailed is when the row may first have reached TikTok.
func firstFailed(r *pipeline.Record, h *deadletter.Head) time.Time {
	if t, err := time.Parse(time.RFC3339, string(h.First)); err == nil {
		return t
	}
	return r.Timestamp
}

// find reads how far earlier replays came, and where the letters that are left begin.
func (r *Replay) find(ctx context.Context) error {
	topic := r.wiring.Config.DeadLetter.RejectedTopic
	var err error
	if r.span, err = deadletter.SpanOf(ctx, daemon.LettersIn(r.wiring.Admin), topic, r.options.Filter.Since, r.options.Filter.Until); err != nil {
		return err
	}
	r.options.Filter.Until = time.Time{} // the span ends there; letters behind it are left to later replays
	least := map[int32]int64{}
	for _, of := range r.syncs {
		if err := of.load(ctx, r.wiring.Admin, topic); err != nil {
			return err
		}
	}
	for id := range r.span.To {
		least[id] = r.leastDone(id)
	}
	r.span.After(least)
	return nil
}

// leastDone is the offset of the progress that has come least far. Letters that are held back count only when they are
// forced: otherwise every replay would read the topic from its beginning.
func (r *Replay) leastDone(id int32) int64 {
	least := int64(-1)
	for _, of := range r.syncs {
		at := of.plain.done[id]
		if r.options.Force {
			at = min(at, of.forced.done[id])
		}
		if least < 0 || at < least {
			least = at
		}
	}
	return least
}

func (r *Replay) resumed() bool {
	for _, of := range r.syncs {
		if len(of.plain.done) > 0 || len(of.plain.others) > 0 {
			return true
		}
	}
	return false
}
