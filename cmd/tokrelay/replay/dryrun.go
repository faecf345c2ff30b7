package replay

import (
	"context"
	"errors"
	"fmt"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// DryRun reports what Run would do with the rows: nothing is sent, written or kept.
func (r *Replay) DryRun(ctx context.Context) (*Report, error) {
	dry := &dryRun{replay: r, trials: map[string]*daemon.Trial{}}
	err := r.each(ctx, &r.options.Filter, r.options.Limit, func(letter *deadletter.Dead) error {
		if dry.list = append(dry.list, letter); len(dry.list) < chunkRows {
			return nil
		}
		return dry.rows(ctx)
	})
	if err == nil {
		err = dry.rows(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	r.report.Left = r.report.Rows - r.report.settled()
	return &r.report, nil
}

// dryRun brings rows through the steps of their syncs and forgets what they become.
type dryRun struct {
	replay *Replay
	trials map[string]*daemon.Trial // by sync
	list   []*deadletter.Dead       // the next rows
}

func (d *dryRun) rows(ctx context.Context) error {
	if err := d.replay.complete(ctx, d.list); err != nil {
		return err
	}
	for _, letter := range d.list {
		if err := d.row(ctx, letter); err != nil {
			return err
		}
	}
	d.list = nil
	return nil
}

// row counts what becomes of one row. Trouble that is not the row's is an error.
func (d *dryRun) row(ctx context.Context, letter *deadletter.Dead) error {
	if letter.Omitted != "" {
		d.replay.report.Gone++
		return nil
	}
	if d.replay.late[letter.Record.Position()] {
		d.replay.report.Skipped[pipeline.SkipDuplicateReplay]++
		return nil
	}
	trial, err := d.trial(letter.Sync)
	if err != nil {
		return err
	}
	err = trial.Try(ctx, &letter.Record)
	rejection, rejected := errors.AsType[*pipeline.Rejection](err)
	skip, skipped := errors.AsType[pipeline.SkipReason](err)
	switch {
	case err == nil:
		d.replay.report.Delivered++
	case rejected:
		d.replay.report.Rejected[rejection.Reason]++
	case skipped:
		d.replay.report.Skipped[skip]++
	default:
		return fmt.Errorf("row %s: %w", letter.Record.Position(), err)
	}
	return nil
}

func (d *dryRun) trial(sync string) (*daemon.Trial, error) {
	if d.trials[sync] == nil {
		flow, err := d.replay.wiring.Flow(d.replay.syncs[sync].sync, nil)
		if err != nil {
			return nil, err
		}
		d.trials[sync] = flow.NewTrial(nil)
	}
	return d.trials[sync], nil
}
