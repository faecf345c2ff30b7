package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// sendable completes letters that keep no payload from the source, and takes out those that need not or cannot be sent:
// rows that are gone, and rows of audiences that a newer change has overtaken.
func (s *sending) sendable(ctx context.Context, name string, list []*deadletter.Dead) ([]*deadletter.Dead, error) {
	if err := s.replay.complete(ctx, list); err != nil {
		return nil, err
	}
	var gone, late []pipeline.Record
	list = slices.DeleteFunc(list, func(d *deadletter.Dead) bool {
		switch {
		case d.Omitted != "":
			gone = append(gone, d.Record)
		case s.replay.late[d.Record.Position()]:
			late = append(late, d.Record)
		default:
			return false
		}
		return true
	})
	s.replay.count(func(r *Report) {
		r.Gone += int64(len(gone))
		if len(late) > 0 {
			r.Skipped[pipeline.SkipDuplicateReplay] += int64(len(late))
		}
	})
	ends := s.replay.syncs[name].ends
	if ends == nil {
		return list, nil
	}
	return list, errors.Join(ends.Skipped(ctx, gone, pipeline.SkipGone), ends.Skipped(ctx, late, pipeline.SkipDuplicateReplay))
}

// complete reads the rows of letters without payload from where they came from. Those it found are no longer Omitted.
func (r *Replay) complete(ctx context.Context, list []*deadletter.Dead) error {
	var positions []pipeline.Position
	wanted := map[string][]*deadletter.Dead{}
	for _, d := range list {
		if d.AtSource() {
			positions = append(positions, d.Record.At())
			wanted[d.Record.Position()] = append(wanted[d.Record.Position()], d)
		}
	}
	if len(positions) == 0 {
		return nil
	}
	err := deadletter.FetchAll(ctx, daemon.LettersIn(r.wiring.Admin), positions, func(found *pipeline.Record) {
		for _, d := range wanted[found.Position()] {
			if !d.Is(found) {
				continue
			}
			d.Omitted = ""
			d.Record.Key, d.Record.Value = found.Key, found.Value
			if len(d.Headers()) == 0 { // some letters keep the row's headers, but not its value
				d.Record.Headers = slices.Concat(found.Headers, d.Record.Headers)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("read rows from their source: %w", err)
	}
	return nil
}
