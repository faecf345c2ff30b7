package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// ConsumerOptions are one sync's reading.
type ConsumerOptions struct {
	Sync       string
	Group      string               // the sync's own, or Config.GroupOf(Sync)
	Topics     []string             // or Pattern
	Pattern    string               // regular expression over whole topic names
	Exclude    []string             // regular expressions over whole names of topics that do not belong to Pattern
	Start      Start                // of the sync's first start
	MarkTopic  string               // topic of our own where the group notes that the sync has begun; "" for none
	OutOfRange Start                // where to go on when Kafka no longer has the group's offset; default the nearest it has
	Window     int                  // chunks in flight per partition, default 16; 1 keeps the order
	MaxChunk   int                  // records in a chunk, default and at most 1000
	Rows       int                  // that calls in flight take together: what is read ahead follows it; default few
	Starved    func(bool)           // told when reading begins to wait until rows settle, and when it goes on; must not block
	Drain      time.Duration        // how long chunks in flight and the last commit may take once Run's context has ended
	Assigned   func(partitions int) // told after every rebalance how many partitions this instance reads; must not block
	Status     *pipeline.Status
	Metrics    *Metrics // nil: none
	Log        *slog.Logger

	heartbeat time.Duration // how often the group hears of this member; default 3 s
}

func (o ConsumerOptions) withDefaults() ConsumerOptions {
	o.Window = cmp.Or(o.Window, 16)
	o.MaxChunk = min(cmp.Or(o.MaxChunk, maxChunk), maxChunk)
	o.heartbeat = cmp.Or(o.heartbeat, heartbeat)
	if o.Starved == nil {
		o.Starved = func(bool) {}
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil, metrics.NewRows(nil))
	}
	if o.Status == nil {
		o.Status = pipeline.NewStatus(time.Now)
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler)).With("sync", o.Sync)
	return o
}

// Consumer reads the topics of one sync as a member of the sync's group. Run may be called once.
type Consumer struct {
	cfg    Config
	opts   ConsumerOptions
	client *kgo.Client        // of the membership at hand
	quit   context.CancelFunc // ends the client's own requests
	putOut context.CancelFunc // ends the membership at hand; under mu, as are changes of client: transactions outlive it
	member Membership
	flow   *flow
	health health

	work sync.WaitGroup // partition goroutines

	recreated     topicSet     // topics whose id changed
	topicFailedAt atomic.Int64 // when a topic last could not be read, unix nanoseconds; 0 when none

	committing semaphore // one commit at a time, and none while partitions are given up
	failed     bool      // the last commit failed: it was said

	ours func(topic string) bool // whether a topic is one of the sync's

	mu     sync.Mutex
	parts  map[topicPartition]*partition
	begun  bool      // the group has, or had, an offset in a topic of the sync
	markAt time.Time // when that is to be noted again
	closed bool      // shutdown has begun: take no partition any more
}

type topicPartition struct {
	topic string
	id    int32
}

// NewConsumer checks the options; it opens no connection.
func NewConsumer(cfg Config, opts ConsumerOptions) (*Consumer, error) {
	c := &Consumer{cfg: cfg, opts: opts.withDefaults(),
		committing: newSemaphore(), parts: map[topicPartition]*partition{}}
	c.ours = func(topic string) bool { return slices.Contains(opts.Topics, topic) }
	if opts.Pattern != "" {
		matches, err := TopicMatcher(opts.Pattern, opts.Exclude)
		if err != nil {
			return nil, fmt.Errorf("consumer of sync %s: %w", c.opts.Sync, err)
		}
		c.ours = matches
	}
	c.opts.Metrics.begin(opts.Topics)
	kopts, err := c.clientOptions()
	if err != nil {
		return nil, err
	}
	if err := kgo.ValidateOpts(kopts...); err != nil {
		return nil, fmt.Errorf("consumer of sync %s: %w", c.opts.Sync, err)
	}
	return c, nil
}

func (c *Consumer) clientOptions() ([]kgo.Opt, error) {
	opts, err := c.cfg.options(c.opts.Sync, c.opts.Log)
	if err != nil {
		return nil, err
	}
	opts = append(opts, c.cfg.groupOptions(c.opts)...)
	return append(opts,
		kgo.AdjustFetchOffsetsFn(c.begin),
		kgo.OnPartitionsAssigned(c.assigned),
		kgo.OnPartitionsRevoked(c.revoked),
		kgo.OnPartitionsLost(c.lost),
		kgo.WithHooks(&c.health, (*startHook)(c)),
		c.cfg.metered("consumer", c.opts.Sync),
	), nil
}

// startHook gives the consumer its client before the client's first callback, which may come before NewClient returns.
type startHook Consumer

// OnNewClient is called by franz-go.
func (b *startHook) OnNewClient(client *kgo.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.client = client
}

// Run reads until ctx ends and hands chunks to offer, from one goroutine per partition. Then it stops reading, lets the
// chunks in flight settle for at most Drain, commits, and leaves the group. Trouble with Kafka shows in the status and
// passes by itself. It returns nil, *DrainMissed, or the reason why it could not start.
func (c *Consumer) Run(ctx context.Context, offer Offer) error {
	c.flow = newFlow(c.opts, int64(c.cfg.Budget))
	c.flow.offer = offer
	for {
		err := c.belong(ctx)
		if !errors.Is(err, ErrPutOut) {
			return err
		}
		c.opts.Log.Warn("the group has put this instance out: joining again", "group", c.opts.Group)
	}
}

// belong is a member of the group until ctx ends, or the group has put the member out (ErrPutOut): all it had is given up then,
// without a commit.
func (c *Consumer) belong(ctx context.Context) error {
	opts, err := c.clientOptions()
	if err != nil {
		return err
	}
	client, quit := context.WithCancel(context.Background())
	defer quit()
	own, putOut := context.WithCancel(ctx)
	defer putOut()
	c.quit = quit
	c.mu.Lock()
	c.client, c.putOut = nil, putOut
	c.mu.Unlock()
	if _, err = kgo.NewClient(append(opts, kgo.WithContext(client))...); err != nil {
		return fmt.Errorf("consumer of sync %s: %w", c.opts.Sync, err)
	}
	var loops sync.WaitGroup
	loops.Go(func() { c.poll(own) })
	loops.Go(func() { c.tick(own) })
	loops.Go(func() { c.commitSettled(own) })
	<-own.Done()
	err = c.ended(ctx)
	loops.Wait()
	c.client.AllowRebalance() // a poll that came last may hold up a goroutine of the client that wants to leave
	return err
}

// poll hands what Kafka gives to the partitions. Rebalances wait only while one answer is being handed on.
func (c *Consumer) poll(ctx context.Context) {
	for {
		n, err := c.flow.waitForRoom(ctx)
		if err != nil {
			return
		}
		fetches := c.client.PollRecords(ctx, n)
		c.hand(fetches)
		c.client.AllowRebalance()
		if fetches.NumRecords() == 0 && len(fetches.Errors()) > 0 && pipeline.Wait(ctx, errorPause) != nil {
			return
		}
	}
}

// errorPause comes after errors alone: Kafka answers the next fetch of such a partition at once, with the same error.
const errorPause = 100 * time.Millisecond

func (c *Consumer) hand(fetches kgo.Fetches) {
	fetches.EachPartition(func(ftp kgo.FetchTopicPartition) {
		if p := c.part(ftp.Topic, ftp.Partition); p != nil {
			c.receive(p, &ftp.FetchPartition) // an error may come behind records
		}
		if ftp.Err != nil {
			c.fetchFailed(ftp.Topic, ftp.Partition, ftp.Err)
		}
	})
}

func (c *Consumer) receive(p *partition, f *kgo.FetchPartition) {
	c.noteEnds(p, f)
	if len(f.Records) == 0 {
		return
	}
	weight := int64(0)
	for _, r := range f.Records {
		weight += weigh(r)
	}
	c.flow.use(len(f.Records), weight)
	p.add(f.Records, weight)
	c.readable(p)
}

func (c *Consumer) part(topic string, id int32) *partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parts[topicPartition{topic, id}]
}

// DrainMissed says what was not done when the drain deadline passed. All these rows will be read again.
type DrainMissed struct {
	Sync        string
	Rows        int      // that had not settled
	Uncommitted int      // that had settled, but Kafka took no commit of them
	Places      []string // where the next reader starts, topic/partition/offset, of partitions with such rows
}

func (e *DrainMissed) Error() string {
	text := fmt.Sprintf("sync %s: drain deadline missed: %d rows will be read again", e.Sync, e.Rows+e.Uncommitted)
	if e.Uncommitted == 0 {
		return text
	}
	places := strings.Join(e.Places[:min(len(e.Places), mostPlaces)], ", ")
	if more := len(e.Places) - mostPlaces; more > 0 {
		places += fmt.Sprintf(" and %d more", more)
	}
	return text + fmt.Sprintf("; %d of them had settled, but Kafka did not take their offsets: from %s", e.Uncommitted, places)
}

const mostPlaces = 5
