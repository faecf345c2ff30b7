package router

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// handling is one sync at work. Its handler runs for several chunks at once, each with a worker of its own.
type handling struct {
	Sync
	workers    sync.Pool
	usual      atomic.Int64 // bytes of items that a row of the last chunk made
	rejections *rejectionGuard
	troubles   *troubles
	log        *slog.Logger
}

func newHandling(s Sync, o Options) *handling {
	h := &handling{Sync: s, log: o.Log.With("sync", s.Name)}
	if h.Metrics == nil {
		h.Metrics = NewMetrics(nil, metrics.NewRows(nil))
	}
	h.workers.New = func() any { return &worker{runner: pipeline.Runner{Steps: s.NewSteps()}} }
	h.usual.Store(usualItem)
	h.troubles = &troubles{sync: s.Name, status: o.Status}
	h.rejections = newRejectionGuard(s.RejectedShare, h.troubles)
	if s.Watch != nil {
		h.rejections.goOn = s.Watch(h.rejections)
	}
	return h
}

// usualItem is the size of an event, before the first chunk has shown it.
const usualItem = 800

// room makes room for the chunk's items, and a little more: a buffer that grows by doubling leaves three times its size
// as garbage.
func (h *handling) room(w *worker, rows int) {
	w.runner.Items.Buf = slices.Grow(w.runner.Items.Buf, rows*int(h.usual.Load())*9/8)
}

// handle is the sync's Watermill handler. A row that cannot succeed costs itself only (P7); trouble that is not the
// rows' fault is waited out in here (P8); an error, and with it a Nack, means that the chunk's context ended.
func (h *handling) handle(m *message.Message) ([]*message.Message, error) {
	chunk, w := ChunkOf(m), h.workers.Get().(*worker)
	var ctx context.Context
	ctx, w.span = h.Tracing.Chunk(m.Context(), chunk)
	err := h.rows(ctx, chunk, w)
	if err == nil && len(w.runner.Items.List) > 0 {
		out := message.NewMessage(m.UUID, nil)
		out.SetContext(context.WithValue(ctx, deliveryKey{}, &delivery{sync: h, chunk: chunk, worker: w}))
		return []*message.Message{out}, nil
	}
	if err == nil {
		err = h.finish(ctx, chunk, w, false)
	}
	h.ended(chunk, w, err)
	return nil, err
}

// finish has the outcomes of a chunk written whose rows have settled; told says that they are. Then it may be acked (P1, P12).
func (h *handling) finish(ctx context.Context, chunk *pipeline.Chunk, w *worker, told bool) error {
	if err := unsettled(chunk); err != nil || h.Outcomes == nil || told {
		return err
	}
	if err := h.Outcomes(ctx, chunk, &w.runner.Items); err != nil {
		return fmt.Errorf("write outcomes: %w", err)
	}
	return nil
}

// rows brings the chunk's unsettled rows through the steps, then has the rejected ones written.
func (h *handling) rows(ctx context.Context, chunk *pipeline.Chunk, w *worker) error {
	w.reset()
	if h.Outcomes != nil {
		chunk.KeepTold()
		w.runner.Items.Digests = true
	}
	h.room(w, len(chunk.Records))
	if err := h.rejections.WaitHeld(ctx); err != nil {
		return err
	}
	began := time.Now()
	err := h.each(ctx, chunk, w)
	metrics.Observe(h.Metrics.decode, time.Since(began), w.span.TraceID())
	h.usual.Store(int64(len(w.runner.Items.Buf) / max(len(chunk.Records), 1)))
	w.count(h.Metrics) // whatever err is: rows that were skipped have settled
	h.warnTruncated(chunk, w)
	if err != nil {
		return err
	}
	letters := w.allLetters()
	w.span.Rows(len(w.runner.Items.List), len(letters))
	if err := h.rejections.admit(ctx, w.tried, letters); err != nil {
		return err
	}
	return h.writeLetters(ctx, chunk, w)
}

// each brings the chunk's unsettled rows through the steps.
func (h *handling) each(ctx context.Context, chunk *pipeline.Chunk, w *worker) error {
	for i := range chunk.Records {
		if chunk.Settled(i) != pipeline.Unsettled {
			continue
		}
		if err := h.row(ctx, chunk, w, i); err != nil {
			return err
		}
	}
	return nil
}

// row brings one row to items, to a letter, or to rest. Where it meets trouble it waits and goes on from there: the
// rows before it are not repeated.
func (h *handling) row(ctx context.Context, chunk *pipeline.Chunk, w *worker, i int) error {
	err := w.try(ctx, chunk, i)
	if err == nil {
		w.made(chunk, i)
		return nil
	}
	var waiting pipeline.TroubleKind
	defer func() { h.troubles.leave(waiting) }()
	for tries := 0; ; tries++ {
		trouble, ok := w.sort(ctx, chunk, i, err)
		if ok || ctx.Err() != nil {
			return ctx.Err()
		}
		waiting = h.troubles.enter(waiting, trouble)
		if err := pipeline.WaitHeld(ctx, pause(trouble, tries)); err != nil {
			return err
		}
		err = w.try(ctx, chunk, i)
	}
}

// writeLetters has the letters written; they are acknowledged before their rows settle (P1, P4).
func (h *handling) writeLetters(ctx context.Context, chunk *pipeline.Chunk, w *worker) error {
	if len(w.letters) == 0 {
		return nil
	}
	if err := h.Letters.Rows(ctx, w.letters); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	n := 0
	for i, row := range w.rejected {
		if chunk.Settle(row, pipeline.DeadLettered) {
			h.Metrics.rows.Rejected(w.letters[i].Rejection)
			n++
		}
	}
	h.Metrics.rows.Settled(pipeline.DeadLettered, n)
	return nil
}

// warnTruncated logs what would go unnoticed otherwise: a table was emptied in one record, without its rows. What TikTok holds of
// them stays, members of audiences among it.
func (h *handling) warnTruncated(chunk *pipeline.Chunk, w *worker) {
	for _, s := range w.skipped {
		if s.reason == pipeline.SkipTruncate {
			h.log.Warn("a table was truncated: change data has no rows for that, and what TikTok holds of them stays",
				"topic", chunk.Topic, "partition", chunk.Partition, "records", s.rows)
		}
	}
}

// ended gives the worker back, once nothing of the chunk is at work in it any more.
func (h *handling) ended(chunk *pipeline.Chunk, w *worker, err error) {
	if err == nil {
		if !w.oldest.IsZero() {
			metrics.Observe(h.Metrics.delay, time.Since(w.oldest), w.span.TraceID())
		}
	}
	if err != nil {
		chunk.KeepItems(&w.runner.Items)
	}
	if errors.Is(err, pipeline.ErrHeld) {
		chunk.Hold()
	}
	w.span.End(ending(err))
	w.span = nil
	h.workers.Put(w)
}

// ending is what a chunk's span says of an error, without anything of a row.
func ending(err error) string {
	if err == nil {
		return ""
	}
	return "not every row settled: they are read again"
}

// isolate keeps a source that cannot run from taking the router down with it: the sync says why, the others go on.
func (h *handling) isolate(source Source) Source {
	return func(ctx context.Context, offer Offer) error {
		err := source(ctx, offer)
		if err != nil && ctx.Err() == nil {
			h.troubles.enter("", &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: err.Error(), Stop: true})
			<-ctx.Done()
		}
		return err
	}
}

// notSettled is a fault of the delivery: it returned without settling every row. The chunk is not acked.
type notSettled struct {
	chunk string
	rows  int
}

func (e *notSettled) Error() string {
	return fmt.Sprintf("%s: delivery ended with %d rows unsettled", e.chunk, e.rows)
}

func unsettled(c *pipeline.Chunk) error {
	if left := c.Left(); left > 0 {
		return &notSettled{chunk: fmt.Sprint(c), rows: left}
	}
	return nil
}
