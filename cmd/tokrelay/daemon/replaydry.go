package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// dryRun brings rows through the steps of their syncs and forgets what they become.
type dryRun struct {
	*Replay
	steps map[string]*Trial
}

func (d *dryRun) rows(ctx context.Context, list []*deadletter.Dead) error {
	if err := d.complete(ctx, list); err != nil {
		return err
	}
	for _, letter := range list {
		if err := d.row(ctx, letter); err != nil {
			return err
		}
	}
	return nil
}

// row notes what becomes of one row. Trouble that is not the row's is an error.
func (d *dryRun) row(ctx context.Context, letter *deadletter.Dead) error {
	if letter.Omitted != "" {
		d.report.Gone++
		return nil
	}
	if d.late[letter.Record.Position()] {
		d.report.Skipped[pipeline.SkipDuplicateReplay]++
		return nil
	}
	f, err := d.flow(letter.Sync)
	if err != nil {
		return err
	}
	err = f.Try(ctx, &letter.Record)
	rejection, rejected := errors.AsType[*pipeline.Rejection](err)
	skip, skipped := errors.AsType[pipeline.SkipReason](err)
	switch {
	case err == nil:
		d.report.Delivered++
	case rejected:
		d.report.Rejected[rejection.Reason]++
	case skipped:
		d.report.Skipped[skip]++
	default:
		return fmt.Errorf("row %s: %w", letter.Record.Position(), err)
	}
	return nil
}

func (d *dryRun) flow(name string) (*Trial, error) {
	if f := d.steps[name]; f != nil {
		return f, nil
	}
	flow, err := NewFlow(d.lanes[name].sync, time.Now, nil)
	if err != nil {
		return nil, err
	}
	if err := flow.DecodeWith(d.registry, d.Metrics, d.Log); err != nil {
		return nil, err
	}
	d.steps[name] = flow.NewTrial()
	return d.steps[name], nil
}
