package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// ErrUndrained says that the drain deadline passed: rows that had not settled, or whose offsets Kafka did not take, will be
// read again by the next start.
var ErrUndrained = errors.New("drain deadline missed")

// Options are what a daemon is given beside its configuration.
type Options struct {
	Log             *slog.Logger
	Version, Commit string
	Instance        string                     // name of this instance in dead letters; the host's name when empty
	Page            func(*Daemon) http.Handler // the page and its API; nil serves probes and metrics alone
	Stored          func(connection string) string
	Tracer          *tracing.Tracer  // nil: no spans
	Now             func() time.Time // the clock of file uploads; nil: time.Now
}

// Daemon is a running tokrelay. Its fields are for the page and for reports.
type Daemon struct {
	Config  *Config
	Metrics *metrics.Metrics
	Status  *pipeline.Status
	Calls   *calls.Log
	Log     *slog.Logger

	registry    *registry.Registry
	producer    *kafka.Producer
	admin       *kafka.Admin
	connections map[string]*connection
	queues      []*delivery.Queue
	partitions  atomic.Pointer[map[string]int] // of our own topics, once they are there
	router      *router.Router
	options     Options

	callsTopic *callsTopic // nil: calls are remembered in memory alone

	state    *state.Store                  // nil where no sync fills an audience
	segments map[string]*segmentParts      // by sync
	files    map[string]*audiencefile.Job  // by sync
	services []func(context.Context) error // run beside the syncs until they have drained
}

// connection is a TikTok account and what its syncs share: the client and the gate of limits.
type connection struct {
	client *tiktok.Client
	gate   *delivery.Gate
	token  *tiktok.Token
}

// New puts a daemon together. It opens no connection yet.
func New(c *Config, o Options) (*Daemon, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Instance == "" {
		o.Instance, _ = os.Hostname()
	}
	d := &Daemon{Config: c, Metrics: metrics.New(), Status: pipeline.NewStatus(time.Now),
		Log: o.Log, connections: map[string]*connection{}, segments: map[string]*segmentParts{}, files: map[string]*audiencefile.Job{}, options: o}
	d.Metrics.Build(o.Version, o.Commit, runtime.Version())
	d.Metrics.Config(c.hash())
	d.Metrics.Troubles(d.Status)
	d.Status.LogTo(o.Log)
	d.services = append(d.services, d.Status.Remind)
	if err := d.clients(); err != nil {
		return nil, err
	}
	var syncs []router.Sync
	for i := range c.Syncs {
		if c.Syncs[i].Kind() == KindFile {
			if err := d.fileSync(&c.Syncs[i]); err != nil {
				return nil, fmt.Errorf("sync %s: %w", c.Syncs[i].Name, err)
			}
			continue
		}
		s, err := d.sync(&c.Syncs[i])
		if err != nil {
			return nil, fmt.Errorf("sync %s: %w", c.Syncs[i].Name, err)
		}
		syncs = append(syncs, s)
	}
	var err error
	d.router, err = router.New(router.Options{Syncs: syncs, Status: d.Status, Log: o.Log, Stop: c.Budget().Stop()})
	return d, err
}

// clients makes what syncs share: registry, producer, admin client, TikTok connections.
func (d *Daemon) clients() (err error) {
	if d.registry, err = registry.New(d.Config.SchemaRegistry, registry.Deps{Log: d.Log, Metrics: d.Metrics}); err != nil {
		return err
	}
	if d.producer, err = kafka.NewProducer(d.kafka(), "dead-letters", d.Log); err != nil {
		return err
	}
	if d.admin, err = kafka.NewAdmin(d.kafka(), "admin", d.Log); err != nil {
		return err
	}
	if err := d.recordCalls(); err != nil {
		return err
	}
	for name, c := range d.Config.Connections {
		if d.connections[name], err = d.connect(name, c); err != nil {
			return fmt.Errorf("connection %s: %w", name, err)
		}
		d.services = append(d.services, d.connections[name].watchToken)
	}
	if slices.ContainsFunc(d.Config.Syncs, func(s Sync) bool { return s.IsAudience() }) {
		d.state = state.NewStore(d.stateLog(d.Config.StateTopic), time.Now)
	}
	return nil
}

// kafka is the way to Kafka of the daemon's own clients, whose metrics are published.
func (d *Daemon) kafka() kafka.Config {
	c := d.Config.Kafka
	c.Metrics = d.Metrics
	return c
}

func (d *Daemon) connect(name string, c tiktok.Config) (*connection, error) {
	client, token, err := NewClient(name, c, d.options.Stored)
	if err != nil {
		return nil, err
	}
	gate := delivery.NewGate(delivery.GateConfig{CallsInFlight: c.CallsInFlight, Endpoints: c.Limits.Endpoints(),
		Field: c.Limits.Pixel, Advertiser: c.Limits.Advertiser}, d.Log)
	return &connection{client: client, gate: gate, token: token}, nil
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

// watchToken has calls tried again as soon as the token's file changes.
func (c *connection) watchToken(ctx context.Context) error {
	c.token.Watch(ctx, c.gate.TryNow)
	return nil
}

// sync joins one sync's steps.
func (d *Daemon) sync(s *Sync) (router.Sync, error) {
	m := d.Metrics.Sync(s.Name, s.Kind())
	flow, err := NewFlow(s, time.Now, m)
	if err != nil {
		return router.Sync{}, err
	}
	if err := flow.DecodeWith(d.registry, d.Metrics, d.Log); err != nil {
		return router.Sync{}, err
	}
	m.Reads(s.AllTopics()...)
	letters := d.letters(s, m)
	queue := d.queue(s, flow, letters, m)
	consumer, err := kafka.NewConsumer(d.kafka(), kafka.ConsumerOptions{
		Sync: s.Name, Group: d.Config.GroupOf(s), Topics: s.AllTopics(), Pattern: s.Pattern, Exclude: s.excluded(), Start: s.Start, OutOfRange: s.OutOfRange,
		MarkTopic: d.Config.DeadLetter.FailedTopic, Window: flow.sink.window, Drain: d.Config.Shutdown.Drain.Std(), Status: d.Status, Metrics: m, Log: d.Log,
		Assigned: d.newShare(s, queue).assigned,
	})
	if err != nil {
		return router.Sync{}, err
	}
	joined := router.Sync{Name: s.Name, Tracing: d.tracing(s), Topic: s.source(), Source: consumer.Run, NewSteps: flow.Steps, Letters: letters,
		Deliver: queue.Deliver, RejectedShare: s.RejectedShare, Watch: func(g router.Guard) func() { return queue.Watch(g) }, Metrics: m}
	if flow.sink.segment != nil {
		d.joinSegment(s, flow.sink.segment, &joined, m)
	}
	return joined, nil
}

// tracing makes a sync's spans; nil where tracing is off.
func (d *Daemon) tracing(s *Sync) *tracing.Sync {
	_, connection := d.Config.ConnectionOf(s)
	host := ""
	if base, err := url.Parse(connection.BaseURL); err == nil {
		host = base.Hostname()
	}
	return d.options.Tracer.Sync(tracing.About{Sync: s.Name, Group: d.Config.GroupOf(s), Server: host})
}

// letters writes a sync's dead letters.
func (d *Daemon) letters(s *Sync, m *metrics.Sync) *deadletter.Writer {
	topics := d.Config.DeadLetter
	m.DeadLetters(topics.RejectedTopic, topics.FailedTopic)
	return deadletter.NewWriter(d.Config.DeadLetter,
		deadletter.About{Sync: s.Name, Sink: s.Name, SinkKind: s.Kind(), Instance: d.options.Instance, Version: d.options.Version},
		deadletter.Deps{Producer: d.producer, TooLarge: tooLarge, Partitions: d.partitionsOf, Status: d.Status, Metrics: m, Tracing: d.tracing(s), Log: d.Log})
}

func tooLarge(err error) bool {
	_, ok := errors.AsType[*kafka.TooLarge](err)
	return ok
}

func (d *Daemon) queue(s *Sync, flow *Flow, letters *deadletter.Writer, m *metrics.Sync) *delivery.Queue {
	name, _ := d.Config.ConnectionOf(s)
	connection := d.connections[name]
	endpoint := flow.Endpoint()
	m.Calls(endpoint)
	q := delivery.New(delivery.Config{MaxItems: flow.sink.maxItems, MaxBytes: flow.sink.maxBytes, Linger: flow.sink.linger, Retry: s.Retry},
		delivery.Deps{
			Sync: s.Name, Endpoint: endpoint, AppendRequest: flow.sink.appendRequest, Gate: connection.gate,
			Field: flow.sink.destination, Misdirected: flow.sink.misdirected,
			Post: func(ctx context.Context, body []byte) pipeline.Answer {
				return connection.client.Post(ctx, endpoint, body)
			},
			DeadLetters: letters, Status: d.Status, Metrics: m, Tracing: d.tracing(s), OnCall: d.Calls.Add, Log: d.Log,
		})
	d.queues = append(d.queues, q)
	return q
}

// partitionsOf is how many partitions a topic of our own has; 0 while that is not known.
func (d *Daemon) partitionsOf(topic string) int {
	if known := d.partitions.Load(); known != nil {
		return (*known)[topic]
	}
	return 0
}

// newHelper is a daemon without syncs, for work beside them.
func newHelper(c *Config, o Options) (*Daemon, error) {
	shared := *c
	shared.Syncs = nil
	d, err := New(&shared, o)
	if err != nil {
		return nil, err
	}
	d.Config = c
	return d, nil
}
