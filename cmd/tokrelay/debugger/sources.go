package debugger

import (
	"context"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
)

// foundRow is a row of a source topic that holds what was looked for: no call and no rejection that is remembered has it.
type foundRow struct {
	Syncs  []string
	At     string
	Column string // the first that holds it; "" where the place itself was asked for, or the key
}

const (
	sourcesDeep   = 2000 // records looked at, per partition
	mostRowsFound = 20
)

// searchSources looks for the quest in the newest rows of every source topic: their keys, and every text of theirs as it is
// and as the identifiers it may be. Rows are read in clear, inside this function alone.
func (p *Page) searchSources(ctx context.Context, q *quest, f *found) error {
	f.RowsDeep = sourcesDeep
	opener := p.d.Opener(true)
	return p.d.NewestRows(ctx, sourcesDeep, func(syncs []string, r *pipeline.Record) error {
		column, is, err := q.inSource(ctx, opener, syncs[0], r)
		if is && len(f.Rows) < mostRowsFound {
			f.Rows = append(f.Rows, foundRow{Syncs: slices.Clone(syncs), At: r.Position(), Column: column})
		}
		return err
	})
}

func (q *quest) inSource(ctx context.Context, opener *deadletter.Opener, sync string, r *pipeline.Record) (column string, is bool, err error) {
	if q.isPlace(r.Topic, r.Partition, r.Offset) {
		return "", true, nil
	}
	if len(q.digests) == 0 {
		return "", false, nil
	}
	if q.isText(string(r.Key)) {
		return "", true, nil
	}
	row, err := opener.Row(ctx, sync, r)
	if err != nil {
		return "", false, err
	}
	for _, c := range slices.Concat(row.After, row.Before) {
		if q.isPerson(c.Value) {
			return c.Name, true, nil
		}
	}
	return "", false, nil
}
