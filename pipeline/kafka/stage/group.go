package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Group is a member's, and what it reads.
type Group struct {
	Name   string // of the client, as brokers see it
	Group  string
	Topics []string

	Heartbeat time.Duration // how often the group hears of the member; default 3 s
	Drain     time.Duration // how long what is under way may take once Run's context has ended; default 10 s
	// Trouble is told why the member does not work, and nil once it does again. It must not block.
	Trouble func(error)
	Stage   string   // in metrics
	Metrics *Metrics // nil: none
	Log     *slog.Logger
}

func (g Group) withDefaults() Group {
	g.Heartbeat = cmp.Or(g.Heartbeat, 3*time.Second)
	g.Drain = cmp.Or(g.Drain, 10*time.Second)
	g.Log = cmp.Or(g.Log, slog.New(slog.DiscardHandler))
	if g.Metrics == nil {
		g.Metrics = NewMetrics(nil)
	}
	if g.Trouble == nil {
		g.Trouble = func(error) {}
	}
	return g
}

const (
	topicsEvery  = 20 * time.Second // how often new partitions are looked for
	leaveTimeout = 3 * time.Second
	firstPause   = 300 * time.Millisecond
	lastPause    = 10 * time.Second
)

// options are those of a member's client.
func (g Group) options(cfg kafka.Config) ([]kgo.Opt, error) {
	opts, err := cfg.Options(g.Name, g.Log)
	if err != nil {
		return nil, err
	}
	return append(opts,
		kgo.ConsumerGroup(g.Group),
		kgo.ConsumeTopics(g.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // what is not there any more was handled
		kgo.MetadataMaxAge(topicsEvery),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(cfg.SessionTimeout.Std()),
		kgo.RebalanceTimeout(cfg.RebalanceTimeout.Std()),
		kgo.HeartbeatInterval(min(g.Heartbeat, cfg.SessionTimeout.Std()/3)),
		kgo.KeepControlRecords(),                     // to commit past them: a transaction's marker is the last record of a quiet topic
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), // a later option of a client's overrides it in a test
		cfg.FetchMaxWait(),
		kgo.WithPools(&recordPool{}),
		kgo.FetchMaxBytes(int32(cfg.FetchMaxBytes)),
		kgo.FetchMaxPartitionBytes(int32(cfg.FetchMaxPartitionBytes)),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.ProducerLinger(0),
	), nil
}

// again has once done again and again until ctx ends: what fails is told and begun again.
func (g Group) again(ctx context.Context, once func(context.Context) error) {
	backoff := pipeline.Backoff{First: firstPause, Most: lastPause}
	for tries := 0; ctx.Err() == nil; tries++ {
		began := time.Now()
		err := once(ctx)
		if ctx.Err() != nil {
			return
		}
		g.Log.Warn("reading begins again", "group", g.Group, "error", err)
		g.Trouble(err)
		if time.Since(began) > time.Minute {
			tries = 0
		}
		if backoff.Wait(ctx, tries) != nil {
			return
		}
	}
}

// lifeOf is a context that outlives another one by a moment.
func lifeOf(ctx context.Context, by time.Duration) (life context.Context, end func()) {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(by)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(errDrained)
		case <-life.Done():
		}
	})
	return life, func() { stop(); cancel(nil) }
}

var errDrained = errors.New("the time to end in good order is over")

// leave tells the group and closes the client, in a bounded moment: with Kafka away nothing can be told.
func leave(client *kgo.Client, quit context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	client.AllowRebalance()
	_ = client.LeaveGroupContext(ctx)
	quit()
	client.CloseAllowingRebalance()
	client.AllowRebalance() // a poll that came last may hold up a goroutine of the client that wants to leave
}

// failure is why a partition cannot be read; passing trouble franz-go retries by itself.
func failure(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		session, loss := (*kgo.ErrGroupSession)(nil), (*kgo.ErrDataLoss)(nil)
		switch {
		case errors.Is(e.Err, context.Canceled), errors.Is(e.Err, context.DeadlineExceeded), errors.As(e.Err, &loss), errors.As(e.Err, &session):
		default:
			return fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, kafka.Lacking(e.Err, "Read", "topic "+e.Topic))
		}
	}
	return nil
}

// news tells why a member is not in its group, and that it is again.
type news struct {
	tell func(error)
	fine bool
}

func (n *news) of(fetches kgo.Fetches) {
	for _, e := range fetches.Errors() {
		if session, ok := errors.AsType[*kgo.ErrGroupSession](e.Err); ok {
			n.tell(fmt.Errorf("join the group: %w", session.Err))
			n.fine = false
			return
		}
	}
	if !n.fine {
		n.fine = true
		n.tell(nil)
	}
}

// recordPool keeps the records that batches were read into, for other batches: their bytes are not in it.
type recordPool struct{ free sync.Pool }

func (p *recordPool) GetRecords(n int) []kgo.Record {
	if s, ok := p.free.Get().(*[]kgo.Record); ok && cap(*s) >= n {
		return *s
	}
	return make([]kgo.Record, 0, n)
}

func (p *recordPool) PutRecords(s []kgo.Record) { p.free.Put(&s) }

// fromKafka copies a record's fields, never its bytes, and gives it back: it is not to be looked at any more. A transaction's marker has no key
// and no value.
func fromKafka(to *pipeline.Record, r *kgo.Record) {
	*to = pipeline.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
	if r.Attrs.IsControl() {
		to.Key, to.Value = nil, nil
	}
	for _, h := range r.Headers {
		to.Headers = append(to.Headers, pipeline.Header{Key: h.Key, Value: h.Value})
	}
	r.Recycle()
}
