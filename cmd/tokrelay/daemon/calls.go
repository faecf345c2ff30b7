package daemon

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// rememberCalls makes the log of calls, unless the wiring was given one, and what writes and reads their topic. It has a
// producer of its own, so that dead letters never wait behind calls.
func (w *Wiring) rememberCalls() {
	c, counted := w.Config.Calls, calls.NewMetrics(w.Metrics)
	if w.Calls != nil {
		return
	}
	w.Calls = calls.New(calls.Limits{Total: int(c.Memory)}, tiktok.Scrub)
	if c.Topic == "" {
		return
	}
	w.callsProducer = kafka.NewProducer(w.kafka(), "calls", w.Log, w.remake)
	w.History = calls.NewHistory(w.callsSource(c.Topic))
	w.Recorder = calls.NewRecorder(c, calls.RecorderDeps{Instance: w.options.Instance, Ensure: w.ensureCalls, Produce: w.callsProducer.Produce,
		TooLarge: tooLarge, Metrics: counted, Log: w.Log})
	w.Calls.Tell(w.Recorder.Offer)
}

// largestCall is what a record of a whole call may need: a request of a megabyte, and the positions of its rows.
const largestCall = 4 << 20

func (w *Wiring) ensureCalls(ctx context.Context) error {
	c := w.Config.Calls
	return w.ensure(ctx, c.Create,
		admin.Wanted{Name: c.Topic, Partitions: c.Partitions, Retention: c.Retention.Std(), Bytes: int64(c.MaxBytes), MaxMessageBytes: largestCall})
}

func (w *Wiring) callsSource(topic string) calls.Source {
	in := LettersIn(w.Admin)
	var seen atomic.Bool // then it is not described again with every look
	return calls.Source{
		Topic: topic,
		Span: func(ctx context.Context) (calls.Span, error) {
			if !seen.Load() {
				there, err := w.Admin.Topics(ctx, topic)
				if err != nil || len(there) == 0 {
					return calls.Span{}, err
				}
				seen.Store(true)
			}
			all, err := w.Admin.All(ctx, topic)
			seen.Store(err == nil) // it may have been deleted
			return calls.Span{ID: all.IDs[topic], From: all.From[topic], To: all.To[topic]}, err
		},
		Scan: func(ctx context.Context, s calls.Span, each func(*pipeline.Record) error) error {
			if err := in.Scan(ctx, deadletter.Span{Topic: topic, ID: s.ID, From: s.From, To: s.To}, each); err != nil {
				return fmt.Errorf("read calls: %w", err)
			}
			return nil
		},
	}
}
