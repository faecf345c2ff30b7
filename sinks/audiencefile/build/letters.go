package build

import (
	"context"
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline"
)

// DeadLetters takes rejected rows. It returns nil once Kafka has acknowledged them, and an error only when ctx ended.
type DeadLetters interface {
	Rows(ctx context.Context, letters []pipeline.Letter) error
}

// maxLetters is how many dead letters are written together.
const maxLetters = 500

// rejected are a worker's rejected rows. It stops a run in which most rows are rejected: the mapping is wrong then, and a
// whole table does not belong in the rejected topic. It looks at windows of a thousand rows that have no letter yet.
type rejected struct {
	letters   []pipeline.Letter
	positions []position // of the letters

	most  float64 // share of a window; 1: all of it
	rows  int     // of the window
	fresh int     // of them, rejected without a letter
}

const window = 1000

// guard counts a row and returns a *pipeline.Trouble when too many of its window are rejected.
func (r *rejected) guard(isRejected bool) error {
	r.rows++
	if isRejected {
		r.fresh++
	}
	if r.rows < window {
		return nil
	}
	share := float64(r.fresh) / float64(r.rows)
	r.rows, r.fresh = 0, 0
	if share <= r.most {
		return nil
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleRejected, Stop: true,
		What: fmt.Sprintf("%.0f %% of a thousand rows were rejected: correct the mapping, or upload with --force", 100*share)}
}

// reject counts a rejected row and writes its letter, unless an earlier run did.
func (w *worker) reject(ctx context.Context, r *row, why *pipeline.Rejection) error {
	w.counts.Rejected[why.Reason]++
	if r.Offset < w.collection.marks.of(r.partition) {
		return nil
	}
	w.collection.builder.in.Rows.Rejected(why)
	record := r.Record
	w.rejected.letters = append(w.rejected.letters, pipeline.Letter{Record: &record, Rejection: why, SchemaID: w.runner.Change.SchemaID})
	w.rejected.positions = append(w.rejected.positions, position{r.partition, r.Offset + 1})
	if len(w.rejected.letters) < maxLetters {
		return nil
	}
	return w.writeLetters(ctx)
}

// writeLetters writes the letters, then notes that they are written. A crash in between costs duplicates, never a letter.
func (w *worker) writeLetters(ctx context.Context) error {
	r := &w.rejected
	if len(r.letters) == 0 {
		return nil
	}
	if err := w.collection.builder.in.Letters.Rows(ctx, r.letters); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	w.counts.Letters += int64(len(r.letters))
	err := w.collection.marks.move(ctx, r.positions)
	clear(r.letters)
	r.letters, r.positions = r.letters[:0], r.positions[:0]
	return err
}
