package router

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// worker is what one chunk's handling needs and the next one can use again. It belongs to one goroutine at a time.
type worker struct {
	runner pipeline.Runner

	letters  []pipeline.Letter
	rejected []int  // the letters' rows
	tried    []bool // rows that were not skipped, in order: was it rejected?

	ops     [len(pipeline.Ops) + 1]int
	skipped []skipCount
	oldest  time.Time // the oldest change of the chunk in its database
	span    *tracing.Span
}

type skipCount struct {
	reason pipeline.SkipReason
	rows   int
	told   *pipeline.Told
}

func (w *worker) reset() {
	w.runner.Items.Reset()
	clear(w.letters)
	w.letters, w.rejected, w.tried = w.letters[:0], w.rejected[:0], w.tried[:0]
	w.ops = [len(w.ops)]int{}
	w.skipped = w.skipped[:0]
	w.oldest = time.Time{}
}

// try brings row i through the steps and notes what was decoded.
func (w *worker) try(ctx context.Context, chunk *pipeline.Chunk, i int) error {
	err := w.runner.Row(ctx, &chunk.Records[i], i)
	if w.runner.Decoded {
		w.note(&w.runner.Change)
	}
	return err
}

func (w *worker) note(c *pipeline.Change) {
	w.ops[c.Op]++
	if t := c.Source.Time; !t.IsZero() && (w.oldest.IsZero() || t.Before(w.oldest)) {
		w.oldest = t
	}
}

// made notes a row that the steps accepted. One without items has nothing to be sent, and is at rest.
func (w *worker) made(chunk *pipeline.Chunk, i int) {
	if !w.hasItems(i) {
		w.skip(chunk, i, pipeline.SkipNoChange)
		return
	}
	w.tried = append(w.tried, false)
}

// hasItems reports whether row i, the last one tried, left items: then the delivery settles it.
func (w *worker) hasItems(i int) bool {
	n := len(w.runner.Items.List)
	return n > 0 && w.runner.Items.List[n-1].Row == int32(i)
}

// sort acts on what a step said of row i. It returns true when the row is done with, else the trouble to wait out.
func (w *worker) sort(ctx context.Context, chunk *pipeline.Chunk, i int, err error) (*pipeline.Trouble, bool) {
	var skip pipeline.SkipReason
	var rejection *pipeline.Rejection
	var trouble *pipeline.Trouble
	switch {
	case err == nil:
		w.made(chunk, i)
	case errors.As(err, &skip):
		if !w.hasItems(i) {
			w.skip(chunk, i, skip)
		}
	case errors.As(err, &rejection):
		w.reject(chunk, i, rejection)
	case errors.As(err, &trouble):
		return trouble, false
	case ctx.Err() != nil:
		return nil, false
	default:
		w.reject(chunk, i, pipeline.StepFault(fmt.Sprintf("a step returned %T", err)))
	}
	return nil, true
}

func (w *worker) skip(chunk *pipeline.Chunk, i int, reason pipeline.SkipReason) {
	if !chunk.Settle(i, pipeline.Skipped) {
		return
	}
	k := slices.IndexFunc(w.skipped, func(s skipCount) bool { return s.reason == reason })
	if k < 0 {
		k = len(w.skipped)
		w.skipped = append(w.skipped, skipCount{reason: reason, told: &pipeline.Told{Skip: reason}})
	}
	w.skipped[k].rows++
	chunk.Tell(i, w.skipped[k].told)
}

// reject notes a rejected row. The letter of one that left items is written with them.
func (w *worker) reject(chunk *pipeline.Chunk, i int, r *pipeline.Rejection) {
	w.tried = append(w.tried, true)
	if w.hasItems(i) {
		return
	}
	w.letters = append(w.letters, pipeline.Letter{Record: &chunk.Records[i], Rejection: r, SchemaID: w.runner.Change.SchemaID})
	w.rejected = append(w.rejected, i)
}

// allLetters are the chunk's letters, those of rows that left items among them.
func (w *worker) allLetters() []pipeline.Letter {
	all := w.letters[:len(w.letters):len(w.letters)]
	for _, r := range w.runner.Items.Rejected {
		all = append(all, pipeline.Letter{Rejection: r.Rejection})
	}
	return all
}

// count counts what the rows were.
func (w *worker) count(m *Metrics) {
	for _, op := range pipeline.Ops {
		if n := w.ops[op]; n > 0 {
			m.ops[op].Add(float64(n))
		}
	}
	total := 0
	for _, s := range w.skipped {
		m.rows.Skipped(s.reason, s.rows)
		total += s.rows
	}
	if total > 0 {
		m.rows.Settled(pipeline.Skipped, total)
	}
}
