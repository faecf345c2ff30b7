package daemon

import (
	"context"
	"fmt"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// prepare completes letters that keep no payload from the source, and takes out those that need not or cannot be sent:
// rows that are gone, and rows of audiences that a newer change has overtaken.
func (s *sending) prepare(ctx context.Context, list []*deadletter.Dead) ([]*deadletter.Dead, error) {
	if err := s.complete(ctx, list); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(d *deadletter.Dead) bool {
		switch {
		case d.Omitted != "":
			s.add(func(r *ReplayReport) { r.Gone++ })
		case s.late[d.Record.Position()]:
			s.add(func(r *ReplayReport) { r.Skipped[pipeline.SkipDuplicateReplay]++ })
		default:
			return false
		}
		s.done(d)
		return true
	}), nil
}

// complete reads the rows of letters without payload from where they came from. Those it found are no longer Omitted.
func (r *Replay) complete(ctx context.Context, list []*deadletter.Dead) error {
	var places []pipeline.Position
	wanted := map[string][]*deadletter.Dead{}
	for _, d := range list {
		if d.AtSource() {
			places = append(places, pipeline.Position{Topic: d.Record.Topic, Partition: d.Record.Partition, Offset: d.Record.Offset})
			wanted[d.Record.Position()] = append(wanted[d.Record.Position()], d)
		}
	}
	if len(places) == 0 {
		return nil
	}
	err := deadletter.FetchAll(ctx, LettersIn(r.admin), places, func(found *pipeline.Record) {
		for _, d := range wanted[found.Position()] {
			d.Omitted = ""
			d.Record.Key, d.Record.Value = found.Key, found.Value
			if len(d.Headers()) == 0 { // some letters keep the row's headers, though not its value
				d.Record.Headers = slices.Concat(found.Headers, d.Record.Headers)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("read rows from their source: %w", err)
	}
	return nil
}

// DryRun says what Run would do with the rows: nothing is sent, written or kept.
func (r *Replay) DryRun(ctx context.Context) (*ReplayReport, error) {
	dry := &dryRun{Replay: r, steps: map[string]*Trial{}}
	var batch []*deadletter.Dead
	var taken int64
	flush := func() error {
		list := batch
		batch = nil
		return dry.rows(ctx, list)
	}
	err := deadletter.Rows(ctx, LettersIn(r.admin), r.span, &r.o.Filter, nil, func(record *pipeline.Record, h *deadletter.Head) error {
		lane := r.wants(record, h)
		if lane == nil || !r.allowed(lane, string(h.Sync)) || r.o.Limit > 0 && taken == r.o.Limit {
			return nil
		}
		taken++
		if d, err := deadletter.Parse(deadletter.Keep(record)); err == nil {
			batch = append(batch, d)
		}
		if len(batch) < replayChunk {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		return nil, fmt.Errorf("dry run: %w", err)
	}
	r.report.Left = r.report.Rows - r.report.settled()
	return &r.report, nil
}
