package audiencefile

import (
	"context"
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline"
)

// DeadLetters takes rejected rows. It returns nil once Kafka has acknowledged them, and an error only when ctx ended.
type DeadLetters interface {
	Rows(ctx context.Context, letters []pipeline.Letter) error
}

// maxLetters is how many letters are written together.
const maxLetters = 500

// reject counts a rejected row and writes its letter, unless an earlier run did.
func (w *worker) reject(ctx context.Context, r *row, why *pipeline.Rejection) error {
	w.counts.Rejected[why.Reason]++
	if r.Offset < w.collection.written.of(r.partition) {
		return nil
	}
	w.build.deps.Metrics.Rejected(why)
	record := r.Record
	w.letters = append(w.letters, pipeline.Letter{Record: &record, Rejection: why, SchemaID: w.runner.Change.SchemaID})
	w.places = append(w.places, place{r.partition, r.Offset + 1})
	if len(w.letters) < maxLetters {
		return nil
	}
	return w.send(ctx)
}

// send writes the letters, then notes that they are written. A crash in between costs duplicates, never a letter.
func (w *worker) send(ctx context.Context) error {
	if len(w.letters) == 0 {
		return nil
	}
	if err := w.build.deps.Letters.Rows(ctx, w.letters); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	w.counts.Letters += int64(len(w.letters))
	err := w.collection.written.move(ctx, w.places)
	clear(w.letters)
	w.letters, w.places = w.letters[:0], w.places[:0]
	return err
}
