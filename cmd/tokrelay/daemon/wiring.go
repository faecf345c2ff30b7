package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
	"github.com/tokrelay/tokrelay/sinks/events/counted"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Options are what a wiring is given besides its configuration.
type Options struct {
	Log             *slog.Logger
	Level           *slog.LevelVar // what log_level sets; nil: nothing
	Version, Commit string
	Instance        string                     // name of this instance in dead letters; the host's name when empty
	Page            func(*Daemon) http.Handler // the page and its API; nil serves probes and metrics alone
	Stored          func(connection string) string
	Tracer          *tracing.Tracer  // nil: no spans
	Now             func() time.Time // the clock of file uploads; nil: time.Now
	Calls           *calls.Log       // remembers calls; nil: a log of the wiring's own, written to calls.topic
	Replay          bool             // it sends again what instances have read, and reads no partitions itself
	ReplayID, By    string           // of the replay, and who asked for it, as its outcomes say

	gates map[string]*delivery.Gate // of a daemon in this process, whose limits it shares; nil: gates of its own
}

// Wiring is what syncs share, made from a configuration: clients of Kafka, of the schema registry and of TikTok, metrics,
// and the status. The daemon has one; so have each replay, skip and resync. Wire makes it, Close ends its connections.
type Wiring struct {
	Config   *Config
	Metrics  *metrics.Registry
	Status   *pipeline.Status
	Calls    *calls.Log
	Log      *slog.Logger
	Admin    *admin.Client
	Registry *registry.Registry
	State    *state.Store    // orders of operators; what is remembered of audiences
	Recorder *calls.Recorder // writes calls to calls.topic; nil where there is none
	History  *calls.History  // the calls of all instances; nil where there is none

	decoding      *cdc.Metrics
	producer      *kafka.Producer
	callsProducer *kafka.Producer
	outcomes      outcomesTopic
	connections   map[string]*connection
	shares        *shares
	audiences     *audiences
	sent          *counted.Sent
	memory        memory
	partitions    atomic.Pointer[map[string]int] // of our own topics, once they are there
	options       Options
}

// connection is a TikTok account and what its syncs share: the client and the gate of limits.
type connection struct {
	client *tiktok.Client
	gate   *delivery.Gate
	token  *tiktok.Token
}

// ReplayID is the id of the replay that the wiring was made for.
func (w *Wiring) ReplayID() string { return w.options.ReplayID }

// Wire makes what syncs share. It opens no connection yet.
func Wire(c *Config, o Options) (*Wiring, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Instance == "" {
		o.Instance, _ = os.Hostname()
	}
	w := &Wiring{Config: c, Metrics: metrics.New(), Status: pipeline.NewStatus(time.Now), Calls: o.Calls, Log: o.Log,
		connections: map[string]*connection{}, memory: divide(c.memory(), c.rowSyncs()), options: o}
	w.decoding, w.shares, w.audiences = cdc.NewMetrics(w.Metrics), newShares(w), newAudiences()
	w.publishInfo()
	w.setLevel(c)
	w.Status.LogTo(o.Log)
	return w, w.connect()
}

// connect makes the clients.
func (w *Wiring) connect() (err error) {
	if w.Registry, err = registry.New(w.Config.SchemaRegistry, registry.Deps{Log: w.Log, Metrics: registry.NewMetrics(w.Metrics)}); err != nil {
		return err
	}
	w.producer = kafka.NewProducer(w.kafka(), "dead-letters", w.Log, w.remake)
	w.outcomes.batches = kafka.NewBatches(w.kafka(), "outcomes", w.Log, w.remake)
	if w.Admin, err = admin.New(w.kafka(), "admin", w.Log); err != nil {
		return err
	}
	w.rememberCalls()
	for name, c := range w.Config.Connections {
		if w.connections[name], err = w.connection(name, c); err != nil {
			return fmt.Errorf("connection %s: %w", name, err)
		}
	}
	if w.options.gates == nil {
		w.shares.set() // nothing, before partitions are counted
	}
	w.State = state.NewStore(w.stateLog(w.Config.StateTopic), time.Now)
	w.sent = counted.NewSent(w.State, time.Now, w.Log)
	return nil
}

// kafka is how the wiring's own clients reach Kafka; their metrics are published.
func (w *Wiring) kafka() kafka.Config {
	c := w.memory.of(w.Config.Kafka)
	c.Metrics = w.Metrics.Clients
	return c
}

func (w *Wiring) connection(name string, c tiktok.Config) (*connection, error) {
	client, token, err := NewClient(name, c, w.options.Stored)
	if err != nil {
		return nil, err
	}
	gate := w.options.gates[name]
	if gate == nil {
		gate = delivery.NewGate(gateConfig(c))
	}
	return &connection{client: client, gate: gate, token: token}, nil
}

func gateConfig(c tiktok.Config) delivery.GateConfig {
	return delivery.GateConfig{CallsInFlight: c.CallsInFlight, Endpoints: c.Limits.Endpoints(), Field: c.Limits.Pixel, Advertiser: c.Limits.Advertiser}
}

// NewClient makes the client of a connection, and its token, which tokrelay auth login may have stored; stored may be nil.
func NewClient(name string, c tiktok.Config, stored func(connection string) string) (*tiktok.Client, *tiktok.Token, error) {
	file := ""
	if stored != nil {
		file = stored(name)
	}
	token := tiktok.TokenOf(c, file)
	client, err := tiktok.New(c, token)
	return client, token, err
}

// Serve writes calls to their topic and what was sent to the state topic, shares the limits, and has calls tried again as soon as a token's file changes, until ctx ends.
func (w *Wiring) Serve(ctx context.Context) {
	var services sync.WaitGroup
	for _, c := range w.connections {
		services.Go(func() { c.token.Watch(ctx, c.gate.TryNow) })
	}
	services.Go(func() { w.Status.Remind(ctx) })
	services.Go(func() { w.sent.Run(ctx) })
	if w.options.gates == nil {
		services.Go(func() { w.shares.run(ctx) })
	}
	if w.Recorder != nil {
		services.Go(func() { _ = w.Recorder.Run(ctx) }) // always nil
	}
	services.Wait()
}

// serving is Serve until what it returns is called, for work that makes calls without running the syncs.
func (w *Wiring) serving(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var services sync.WaitGroup
	services.Go(func() { w.Serve(ctx) })
	return func() { cancel(); services.Wait() }
}

// Flow compiles a sync's flow, and the decoder of its records. A nil m counts nothing.
func (w *Wiring) Flow(s *Sync, m *Metrics) (*Flow, error) {
	f, err := NewFlow(s, time.Now, m)
	if err != nil {
		return nil, err
	}
	return f, f.DecodeWith(w.Registry, w.decoding, w.Log)
}

// Close writes how many events were sent, and ends the connections.
func (w *Wiring) Close() {
	w.sent.Close()
	w.producer.Close()
	w.outcomes.batches.Close()
	w.Admin.Close()
	if w.callsProducer != nil {
		w.callsProducer.Close()
	}
}
