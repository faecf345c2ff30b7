package deadletter

import (
	"context"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// write produces until every record is acknowledged. Only a context that ended makes it give up: skipping a letter would lose a row.
func (w *Writer) write(ctx context.Context, topic string, pages []page) error {
	ctx, span := w.deps.Tracing.Letters(ctx, topic, len(pages))
	began, outcome := time.Now(), "given up: the rows are read again"
	defer func() { span.End(outcome) }()
	err := w.attempts.Until(ctx, func() (err error) {
		for len(pages) > 0 && err == nil {
			pages, err = w.produce(ctx, pages)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("write to %s: %w", topic, err)
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
