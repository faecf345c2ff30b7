package kafka

import (
	"context"
	"flag"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const (
	testTopic = "shop.orders"
	testGroup = "tokrelay.orders"
)

// TestMain has many tests run at a time, unless -parallel says how many: most wait for Kafka's clocks, and each has a broker
// of its own.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// newCluster is a broker in this process.
func newCluster(t *testing.T, partitions int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	beats := kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "100"}) // rebalances wait for them
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(partitions, testTopic), beats}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func configFor(c *kfake.Cluster) Config {
	return settings.WithDefaults(Config{Brokers: c.ListenAddrs(), RevokeDrain: settings.Duration(5 * time.Second)})
}

// newClient is a client as tests have it beside the consumer.
func newClient(t *testing.T, cfg Config) *kgo.Client {
	t.Helper()
	client, err := cfg.NewClient("test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// newAdm asks and tells the broker what others ask and tell it, by the library's means.
func newAdm(t *testing.T, c *kfake.Cluster) *kadm.Client {
	return kadm.NewClient(newClient(t, configFor(c)))
}

func testNow() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// produceTo writes n numbered records to one partition.
func produceTo(t *testing.T, c *kfake.Cluster, topic string, partition int32, n int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(strconv.Itoa(i))}
	}
	if err := client.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// testMember is a consumer at work in the group.
type testMember struct {
	*Consumer
	stop  context.CancelFunc
	ended chan error
}

func join(t *testing.T, c *kfake.Cluster, offer Offer, change func(*Config, *ConsumerOptions)) *testMember {
	t.Helper()
	cfg, opts := configFor(c), ConsumerOptions{Sync: "orders", Group: testGroup, Topics: []string{testTopic}, Start: Earliest, Drain: 10 * time.Second, heartbeat: 200 * time.Millisecond}
	if change != nil {
		change(&cfg, &opts)
	}
	consumer, err := NewConsumer(cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &testMember{Consumer: consumer, stop: stop, ended: make(chan error, 1)}
	go func() { m.ended <- consumer.Run(ctx, offer) }()
	t.Cleanup(stop)
	return m
}

func (m *testMember) leave(t *testing.T) {
	t.Helper()
	m.stop()
	if err := <-m.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

// eventually waits for something the broker has to do; the condition is asked again whenever time has passed.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func committed(c *kfake.Cluster, topic string, partition int32) int64 {
	g := c.GroupInfo(testGroup)
	if g == nil {
		return -1
	}
	commit, ok := g.Commits[topic][partition]
	if !ok {
		return -1
	}
	return commit.Offset
}

// book knows which offsets have settled and holds every commit the broker sees against that.
type book struct {
	t       *testing.T
	markers bool // the topic has offsets that are no rows

	mu      sync.Mutex
	settled map[topicPartition]map[int64]int
	first   int // rows that settled
	times   int // how often, in all
	commits map[topicPartition]int64
	wide    map[int]int // commits by the number of their partitions
}

// newBookOfRows looks at no commit.
func newBookOfRows(t *testing.T) *book {
	return &book{t: t, settled: map[topicPartition]map[int64]int{}}
}

func newBook(t *testing.T, c *kfake.Cluster) *book {
	b := &book{t: t, settled: map[topicPartition]map[int64]int{}, commits: map[topicPartition]int64{}, wide: map[int]int{}}
	c.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		b.check(r.(*kmsg.OffsetCommitRequest))
		return nil, nil, false
	})
	return b
}

// check holds a commit against the laws: it passes no unsettled row, and it never goes back, as one would that comes
// from a member that no longer owns the partition.
func (b *book) check(r *kmsg.OffsetCommitRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range r.Topics {
		b.wide[len(t.Partitions)]++
		for _, p := range t.Partitions {
			topic := t.Topic
			if topic == "" {
				topic = testTopic
			}
			key := topicPartition{topic, p.Partition}
			if p.Offset < b.commits[key] {
				b.t.Errorf("%v: committed %d after %d", key, p.Offset, b.commits[key])
			}
			for o := b.commits[key]; o < p.Offset && !b.markers; o++ {
				if b.settled[key][o] == 0 {
					b.t.Errorf("%v: committed %d although %d has not settled", key, p.Offset, o)
					break
				}
			}
			b.commits[key] = max(b.commits[key], p.Offset)
		}
	}
}

func (b *book) settle(c *pipeline.Chunk) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := topicPartition{c.Topic, c.Partition}
	if b.settled[key] == nil {
		b.settled[key] = map[int64]int{}
	}
	for i := range c.Records {
		if b.settled[key][c.Records[i].Offset]++; b.settled[key][c.Records[i].Offset] == 1 {
			b.first++
		}
		b.times++
		c.Settle(i, pipeline.Delivered)
	}
}

// rows is how many rows have settled, and how often in all.
func (b *book) rows() (rows, times int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.first, b.times
}

// settleAll is an Offer whose handlers settle at once.
func (b *book) settleAll(_ context.Context, c *pipeline.Chunk) pipeline.Ticket {
	b.settle(c)
	done := make(chan struct{})
	close(done)
	return pipeline.Ticket{Acked: done, Nacked: make(chan struct{})}
}
