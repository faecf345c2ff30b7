package daemon

import (
	"context"
	"errors"
	"iter"
	"net/url"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/events"
)

// Stream is a sync that sends row by row: its steps joined, and what has to run with them. Queue runs first and ends last.
type Stream struct {
	Sync  *Sync
	Route router.Sync // what the router runs
	Queue *delivery.Queue

	*streamed // nil where no audience is streamed

	wiring   *Wiring
	events   *events.Plan // nil where no events are sent
	services []func(context.Context) error
}

// Stream joins the steps of a sync.
func (w *Wiring) Stream(s *Sync) (*Stream, error) {
	m := w.newMetrics(s)
	flow, err := w.Flow(s, m)
	if err != nil {
		return nil, err
	}
	ends := w.Outcomes(s)
	letters := w.letters(s, m.letters, ends)
	target := w.target(s, flow.sink)
	stream := &Stream{Sync: s, wiring: w, events: flow.sink.events}
	queue := w.queue(stream, flow, letters, m, w.ask(s, flow.sink, target))
	consumer, err := kafka.NewConsumer(w.kafka(), kafka.ConsumerOptions{
		Sync: s.Name, Group: w.Config.GroupOf(s), Topics: s.AllTopics(), Pattern: s.Pattern, Exclude: s.excluded(), Start: s.Start, OutOfRange: s.OutOfRange,
		MarkTopic: w.Config.DeadLetter.FailedTopic, Window: flow.sink.window, Rows: w.rowsInFlight(s, flow.sink), Starved: queue.Starve, Drain: w.Config.Shutdown.Drain.Std(), Status: w.Status, Metrics: m.consumer, Log: w.Log,
		Assigned: func(partitions int) {
			if s.Kind() != KindSegment { // its calls are about digests, which have owners of their own
				w.shares.assigned(s.Name, partitions)
			}
		},
	})
	if err != nil {
		return nil, err
	}
	stream.Queue = queue
	stream.Route = router.Sync{Name: s.Name, Tracing: w.tracing(s), Topic: s.Source(), Source: consumer.Run, NewSteps: flow.Steps, Letters: letters,
		Deliver: queue.Deliver, RejectedShare: s.RejectedShare, Watch: func(g router.Guard) func() { return queue.Watch(g) }, Metrics: m.router}
	if ends != nil {
		stream.Route.Outcomes = ends.Chunk
	}
	if flow.sink.segment != nil {
		stream.joinSegment(flow.sink.segment, target, consumer, m)
	}
	return stream, nil
}

// Serve runs what the sync needs besides its queue until ctx ends.
func (s *Stream) Serve(ctx context.Context) {
	var services sync.WaitGroup
	for _, run := range s.services {
		services.Go(func() { _ = run(ctx) }) // what it fails at shows in the status
	}
	services.Wait()
}

// tracing makes a sync's spans; nil where tracing is off.
func (w *Wiring) tracing(s *Sync) *tracing.Sync {
	_, connection := w.Config.ConnectionOf(s)
	host := ""
	if base, err := url.Parse(connection.BaseURL); err == nil {
		host = base.Hostname()
	}
	return w.options.Tracer.Sync(tracing.About{Sync: s.Name, Group: w.Config.GroupOf(s), Server: host})
}

// Letters writes a sync's dead letters. A nil m counts nothing.
func (w *Wiring) Letters(s *Sync, m *deadletter.Metrics) *deadletter.Writer {
	return w.letters(s, m, w.Outcomes(s))
}

func (w *Wiring) letters(s *Sync, m *deadletter.Metrics, ends *outcomes.Writer) *deadletter.Writer {
	deps := deadletter.Deps{Producer: w.producer, TooLarge: tooLarge, Partitions: w.partitionsOf, Status: w.Status, Metrics: m, Tracing: w.tracing(s), Log: w.Log}
	if ends != nil {
		deps.Outcomes = ends
	}
	about := deadletter.About{Sync: s.Name, Sink: s.Name, SinkKind: s.Kind(), Instance: w.options.Instance, Version: w.options.Version}
	return deadletter.NewWriter(w.Config.DeadLetter, about, deps)
}

func tooLarge(err error) bool {
	_, ok := errors.AsType[*kafka.TooLarge](err)
	return ok
}

// target finds the audiences of a streamed audience; nil for other sinks.
func (w *Wiring) target(s *Sync, sink *sinkPlan) *audience.Target {
	if sink.segment == nil {
		return nil
	}
	return sink.segment.NewTarget(s.Name, w.Config.Kafka.Group, s.AllTopics(), w.connectionOf(s).client, w.State.Holder(s.Name), w.Log)
}

// ask is how TikTok is asked about the pixel, event set or audience of refused calls; nil where it cannot be.
func (w *Wiring) ask(s *Sync, sink *sinkPlan, target *audience.Target) func(ctx context.Context, envelope string) string {
	if target != nil {
		return sink.segment.Ask(target)
	}
	return sink.events.Ask(w.connectionOf(s).client, s.advertiser)
}

// rowsInFlight is how many rows the calls in flight of a sync's events take; a streamed audience's rows wait for no call.
func (w *Wiring) rowsInFlight(s *Sync, sink *sinkPlan) int {
	if sink.segment != nil {
		return 0
	}
	_, connection := w.Config.ConnectionOf(s)
	return connection.CallsInFlight * sink.maxItems
}

func (w *Wiring) connectionOf(s *Sync) *connection {
	name, _ := w.Config.ConnectionOf(s)
	return w.connections[name]
}

func (w *Wiring) queue(stream *Stream, flow *Flow, letters *deadletter.Writer, m *Metrics, ask func(context.Context, string) string) *delivery.Queue {
	s := stream.Sync
	connection := w.connectionOf(s)
	endpoint := flow.Endpoint()
	least := 0.0
	if w.options.Replay {
		least = ReplayLeast
	}
	var accepted func(envelope string, bodies iter.Seq[[]byte])
	if flow.sink.events != nil {
		accepted = w.sent.Of(s.Name)
	}
	return delivery.New(delivery.Config{MaxItems: flow.sink.maxItems, MaxBytes: flow.sink.maxBytes, Linger: flow.sink.linger, Retry: s.Retry},
		delivery.Deps{
			Sync: s.Name, Endpoint: endpoint, AppendRequest: flow.sink.appendRequest, Gate: connection.gate, Least: least,
			Field: flow.sink.destination, Misdirected: flow.sink.misdirected, Ask: ask,
			Post: func(ctx context.Context, body []byte) pipeline.Answer {
				if err := stream.mayCall(ctx); err != nil {
					return pipeline.Answer{Verdict: pipeline.Retry, Network: "refused", Message: "not sent: " + err.Error()}
				}
				return connection.client.Post(ctx, endpoint, body)
			},
			DeadLetters: letters, Status: w.Status, Metrics: m.delivery, Tracing: w.tracing(s), Accepted: accepted, OnCall: w.Calls.Add, Log: w.Log,
		})
}
