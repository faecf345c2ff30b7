package daemon

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// callsTopic is the calls of all instances: the recorder that writes ours, and the history that reads everybody's. Its
// producer is its own, so that dead letters never wait behind calls. Nil where the configuration names no topic.
type callsTopic struct {
	*calls.Recorder
	*calls.History
	producer *kafka.Producer
}

// recordCalls prepares for writing calls to their topic.
func (d *Daemon) recordCalls() (err error) {
	c := d.Config.Calls
	d.Calls = calls.New(calls.Limits{Total: int(c.Memory)}, tiktok.Scrub)
	if c.Topic == "" {
		return nil
	}
	t := &callsTopic{History: calls.NewHistory(d.callsSource(c.Topic))}
	if t.producer, err = kafka.NewProducer(d.kafka(), "calls", d.Log); err != nil {
		return err
	}
	t.Recorder = calls.NewRecorder(c, calls.RecorderDeps{Instance: d.options.Instance, Ensure: d.callsTopicThere, Produce: t.producer.Produce,
		TooLarge: tooLarge, Metrics: d.Metrics, Log: d.Log})
	d.Calls.Tell(t.Offer)
	d.callsTopic = t
	return nil
}

// runCalls writes calls until ctx ends, and then what is left of them.
func (d *Daemon) runCalls(ctx context.Context) error {
	if d.callsTopic == nil {
		return nil
	}
	return d.callsTopic.Run(ctx)
}

// recording writes calls until what it returns is called, for commands that make calls without running the syncs.
func (d *Daemon) recording(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var writing sync.WaitGroup
	writing.Go(func() { _ = d.runCalls(ctx) }) // always nil
	return func() { cancel(); writing.Wait() }
}

func (t *callsTopic) close() {
	if t != nil {
		t.producer.Close()
	}
}

// largestCall is what a record of a whole call may need: a request of a megabyte, and where its rows stand.
const largestCall = 4 << 20

func (d *Daemon) wantedCallsTopic() kafka.Wanted {
	c := d.Config.Calls
	return kafka.Wanted{Name: c.Topic, Partitions: c.Partitions, Retention: c.Retention.Std(), Bytes: int64(c.MaxBytes), MaxMessageBytes: largestCall}
}

func (d *Daemon) callsTopicThere(ctx context.Context) error {
	return d.ensureIf(ctx, d.Config.Calls.Create, d.wantedCallsTopic())
}

func (d *Daemon) callsSource(topic string) calls.Source {
	var seen atomic.Bool // then it is not asked for again with every look
	return calls.Source{
		Topic: topic,
		Span: func(ctx context.Context) (starts, ends map[int32]int64, err error) {
			if !seen.Load() {
				there, err := d.admin.Topics(ctx, topic)
				if err != nil || len(there) == 0 {
					return nil, nil, err
				}
				seen.Store(true)
			}
			last, err := d.admin.Ends(ctx, topic)
			if err != nil {
				return nil, nil, err
			}
			first, err := d.admin.Starts(ctx, topic)
			return first[topic], last[topic], err
		},
		Scan: func(ctx context.Context, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			err := d.admin.Scan(ctx, kafka.Range{From: kafka.Offsets{topic: from}, To: kafka.Offsets{topic: to}}, each)
			if err != nil {
				return fmt.Errorf("read calls: %w", err)
			}
			return nil
		},
	}
}

// CallHistory is what the calls topic has of all instances; nil where the configuration names none.
func (d *Daemon) CallHistory() *calls.History {
	if d.callsTopic == nil {
		return nil
	}
	return d.callsTopic.History
}

// CallRecorder writes this instance's calls to the topic; nil where the configuration names none.
func (d *Daemon) CallRecorder() *calls.Recorder {
	if d.callsTopic == nil {
		return nil
	}
	return d.callsTopic.Recorder
}
