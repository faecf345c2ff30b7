package deadletter

import (
	"context"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

const source = "dead letters" // in the status

// write produces until every record is acknowledged. Only a context that ended makes it give up.
func (w *Writer) write(ctx context.Context, topic string, pages []page) error {
	ctx, span := w.deps.Tracing.Letters(ctx, topic, len(pages))
	began, outcome := time.Now(), "given up: the rows are read again"
	defer func() { span.End(outcome) }()
	t := trying{w: w, topic: topic, backoff: pipeline.Backoff{First: time.Second, Most: 30 * time.Second}}
	defer t.over()
	for len(pages) > 0 {
		left, err := w.produce(ctx, pages)
		if ctx.Err() != nil && len(left) > 0 {
			return fmt.Errorf("write to %s: %w", topic, context.Cause(ctx))
		}
		if pages = left; err != nil {
			t.failed(err)
			if err := t.backoff.Wait(ctx, t.failures-1); err != nil {
				return fmt.Errorf("write to %s: %w", topic, err)
			}
		}
	}
	metrics.Observe(w.deps.Metrics.seconds, time.Since(began), span.TraceID())
	outcome = ""
	return nil
}

// produce tries once and gives the pages still to be written: those that were too large, made smaller, and those that
// failed, with one of their errors.
func (w *Writer) produce(ctx context.Context, pages []page) (left []page, failed error) {
	records := make([]pipeline.Record, len(pages))
	for i := range pages {
		records[i] = pages[i].Record
	}
	for i, err := range w.deps.Producer.Produce(ctx, records) {
		p := pages[i]
		switch {
		case err == nil:
			w.deps.Metrics.written.WithLabelValues(p.Topic, string(p.reason)).Inc()
			if p.at != nil {
				*p.at = pipeline.Position{Topic: p.Topic, Partition: records[i].Partition, Offset: records[i].Offset}
			}
			continue
		case w.deps.TooLarge(err) && len(p.smaller) > 0:
			p.smaller[0](&p.Record)
			p.smaller = p.smaller[1:]
		default:
			failed = err
			w.deps.Metrics.failed.WithLabelValues(p.Topic).Inc()
		}
		left = append(left, p)
	}
	return left, failed
}

// trying is a write that Kafka does not take at once.
type trying struct {
	w        *Writer
	topic    string
	backoff  pipeline.Backoff
	failures int
}

// failed tells the status. The sync waits until Kafka takes the letters: skipping one would lose a row.
func (t *trying) failed(err error) {
	w := t.w
	w.mu.Lock()
	if t.failures++; t.failures == 1 {
		w.failing++
	}
	w.mu.Unlock()
	if w.deps.Status == nil {
		return
	}
	trouble := &pipeline.Trouble{Kind: pipeline.TroubleDeadLetter, What: "write dead letters: " + err.Error(), Until: time.Now().Add(t.backoff.After(t.failures - 1))}
	w.deps.Status.Set(w.about.Sync, source, trouble)
}

// over takes the trouble back with the last write that had it.
func (t *trying) over() {
	w := t.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.failures == 0 {
		return
	}
	if w.failing--; w.failing > 0 {
		return
	}
	if w.deps.Status != nil {
		w.deps.Status.Clear(w.about.Sync, source)
	}
}
