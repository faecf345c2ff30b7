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
	steps map[string]*dryFlow
}

type dryFlow struct {
	runner pipeline.Runner
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
	err = f.try(ctx, &letter.Record)
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

func (d *dryRun) flow(name string) (*dryFlow, error) {
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
	d.steps[name] = newDryFlow(flow)
	return d.steps[name], nil
}

func newDryFlow(f *Flow) *dryFlow { return &dryFlow{runner: pipeline.Runner{Steps: f.Steps()}} }

// try brings one row through the steps, as in run, and forgets its items.
func (f *dryFlow) try(ctx context.Context, r *pipeline.Record) error {
	f.runner.Items.Reset()
	if err := f.runner.Row(ctx, r, 0); err != nil {
		return err
	}
	if len(f.runner.Items.List) == 0 {
		return pipeline.SkipNoChange
	}
	return nil
}
