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
	Done      int64              `json:"done"`      // chosen, and not open: repaired, or counted with a newer letter of their row
	Unknown   int64              `json:"unknown"`   // chosen, and older than the outcomes that tell their state
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
	err := deadletter.Rows(ctx, daemon.LettersIn(r.wiring.Admin), r.span, &r.options.Filter, count, func(record *pipeline.Record, h *deadletter.Head) error {
		return r.planRow(plan, tally, record, h, now)
	})
	if err != nil && !errors.Is(err, admin.ErrStop) {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	plan.Groups = tally.Counts()
	r.report.Rows = plan.Rows
	return plan, r.findOvertaken(ctx)
}

func (r *Replay) planRow(plan *Plan, tally *deadletter.Tally, record *pipeline.Record, h *deadletter.Head, now time.Time) error {
	switch r.choice(record, h) {
	case elsewhere:
		plan.Elsewhere++
	case done:
		plan.Done++
	case unknown:
		plan.Unknown++
	case looped:
		plan.Looped++
	default:
		plan.Rows++
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

// find looks up the letters there are, and then their states, so that these are not older.
func (r *Replay) find(ctx context.Context) (err error) {
	config, since := r.wiring.Config, r.options.Filter.Since
	if r.span, err = deadletter.SpanOf(ctx, daemon.LettersIn(r.wiring.Admin), config.DeadLetter.RejectedTopic, since, r.options.Filter.Until); err != nil {
		return err
	}
	r.options.Filter.Until = time.Time{} // the span ends there; letters behind it are left to later replays
	if r.states, err = config.LetterStates(ctx, r.wiring.Admin, since, nil); err != nil {
		return err
	}
	if !r.states.Kept() && !r.options.All {
		return ErrNoStates
	}
	return nil
}

// ErrNoStates reports that it is not known which letters are open.
var ErrNoStates = errors.New("outcomes.enabled is false, so it is not known which dead letters are open: those that were replayed would be sent again")
