package kafka

import (
	"cmp"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

var (
	laws    = flag.Int("laws", 2, "runs of the intake's law for each start")
	lawSeed = flag.Uint64("lawseed", 0, "the seed of each of them; 0: random ones")
)

// TestRowsInTheTopicsAreSettledOrLeft throws at a sync what happens to topics: transactions, partitions and topics that are
// added while it runs and while it does not, topics that are made again, retention, offsets that are set by hand, restarts.
// Once it has caught up, every row that was written and committed since its first start, and that neither retention nor
// the operator took away before it settled, has settled; and no row of an aborted transaction has.
func TestRowsInTheTopicsAreSettledOrLeft(t *testing.T) {
	t.Parallel()
	for _, start := range []Start{Earliest, Latest} {
		for range *laws {
			seed := cmp.Or(*lawSeed, mrand.Uint64())
			t.Run(fmt.Sprintf("%s, seed %d", start, seed), func(t *testing.T) {
				t.Parallel()
				newIntakeLaw(t, start, seed).run()
			})
		}
	}
}

// writtenRow is a row as its producer knows it.
type writtenRow struct {
	at     topicPartition
	offset int64
	must   bool // it has to settle
	never  bool // it must not: it was aborted, or written before a first start at the end
	old    bool // written before the first start
}

// intakeLaw knows what was written, and what has become of it.
type intakeLaw struct {
	t       *testing.T
	rng     *mrand.Rand
	cluster *kfake.Cluster
	client  *kgo.Client
	adm     *kadm.Client
	start   Start
	topics  map[string]int32 // partitions
	members []*testMember

	mu      sync.Mutex
	rows    map[string]*writtenRow
	settled map[string]int
}

func newIntakeLaw(t *testing.T, start Start, seed uint64) *intakeLaw {
	cluster := newCluster(t, 2, kfake.SeedTopics(1, "marks"))
	client := newClient(t, configFor(cluster))
	return &intakeLaw{t: t, rng: mrand.New(mrand.NewPCG(seed, 1)), cluster: cluster, client: client, adm: kadm.NewClient(client), start: start,
		topics: map[string]int32{testTopic: 2}, rows: map[string]*writtenRow{}, settled: map[string]int{}}
}

func (l *intakeLaw) run() {
	l.write(testTopic, 0, 10, kgo.TryCommit, false)
	for _, r := range l.rows {
		r.must, r.never, r.old = l.start == Earliest, l.start == Latest, true
	}
	l.join()
	eventually(l.t, "the sync has begun", func() bool { return l.members[0].hasBegun(nil) })
	happenings := []func(){l.produce, l.produce, l.transact, l.transact, l.transact, l.retain, l.retain, l.widen, l.create, l.remake, l.reset, l.restart, l.restart}
	for range 14 {
		happenings[l.rng.IntN(len(happenings))]()
	}
	l.restart()
	l.catchUp()
	l.check()
}

func (l *intakeLaw) offer(_ context.Context, c *pipeline.Chunk) pipeline.Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range c.Records {
		l.settled[string(c.Records[i].Value)]++
		c.Settle(i, pipeline.Delivered)
	}
	done := make(chan struct{})
	close(done)
	return pipeline.Ticket{Acked: done, Nacked: make(chan struct{})}
}

func (l *intakeLaw) join() {
	m := join(l.t, l.cluster, l.offer, func(_ *Config, o *ConsumerOptions) {
		o.Start, o.Topics, o.Pattern, o.MarkTopic = l.start, nil, `shop\..*`, "marks"
	})
	l.members = append(l.members, m)
}

// stop stops all members; again has them started again.
func (l *intakeLaw) stop() (again func()) {
	n := len(l.members)
	for _, m := range l.members {
		m.leave(l.t)
	}
	l.members = nil
	return func() {
		for range n {
			l.join()
		}
	}
}

func (l *intakeLaw) restart() {
	l.stop()
	for range l.rng.IntN(3) { // what happens while no instance runs
		[]func(){l.produce, l.transact, l.retain, l.widen, l.create, l.remake}[l.rng.IntN(6)]()
	}
	for range 1 + l.rng.IntN(2) {
		l.join()
	}
}

func (l *intakeLaw) any() (string, int32) {
	names := map[string]bool{}
	for topic := range l.topics {
		names[topic] = true
	}
	sorted := sortedKeys(names)
	topic := sorted[l.rng.IntN(len(sorted))]
	return topic, l.rng.Int32N(l.topics[topic])
}

func (l *intakeLaw) produce() {
	topic, id := l.any()
	l.write(topic, id, 1+l.rng.IntN(20), kgo.TryCommit, false)
}

func (l *intakeLaw) transact() {
	topic, id := l.any()
	l.write(topic, id, 1+l.rng.IntN(20), kgo.TransactionEndTry(l.rng.IntN(2) == 0), true)
}

// write writes rows, in a transaction or not.
func (l *intakeLaw) write(topic string, id int32, n int, how kgo.TransactionEndTry, transaction bool) {
	opts := []kgo.Opt{kgo.SeedBrokers(l.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if transaction {
		opts = append(opts, kgo.TransactionalID(rand.Text()))
	}
	client, err := kgo.NewClient(opts...)
	l.none(err)
	defer client.Close()
	if transaction {
		l.none(client.BeginTransaction())
	}
	for range n {
		r := &kgo.Record{Topic: topic, Partition: id, Value: []byte(rand.Text())}
		l.none(client.ProduceSync(context.Background(), r).FirstErr())
		l.mu.Lock()
		l.rows[string(r.Value)] = &writtenRow{at: topicPartition{topic, id}, offset: r.Offset, must: how == kgo.TryCommit, never: how == kgo.TryAbort}
		l.mu.Unlock()
	}
	if transaction {
		l.none(client.EndTransaction(context.Background(), how))
	}
}

// take has rows that have not settled need not settle any more.
func (l *intakeLaw) take(gone func(*writtenRow) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for value, r := range l.rows {
		if l.settled[value] == 0 && gone(r) {
			r.must = false
		}
	}
}

// some is an offset of a partition.
func (l *intakeLaw) some(topic string, id int32) int64 {
	start, end := l.ask(l.adm.ListStartOffsets, topic)[topic][id].Offset, l.ask(l.adm.ListCommittedOffsets, topic)[topic][id].Offset
	return start + l.rng.Int64N(end-start+1)
}

// ask asks again about what is so new that the client has not heard of it.
func (l *intakeLaw) ask(list func(context.Context, ...string) (kadm.ListedOffsets, error), topics ...string) (o kadm.ListedOffsets) {
	eventually(l.t, "offsets are listed", func() (done bool) {
		var err error
		o, err = list(l.t.Context(), topics...)
		return err == nil && o.Error() == nil
	})
	return o
}

func (l *intakeLaw) retain() {
	topic, id := l.any()
	before := l.some(topic, id)
	l.none(l.cluster.DeleteRecords(topic, id, before))
	l.take(func(r *writtenRow) bool { return r.at == topicPartition{topic, id} && r.offset < before })
}

func (l *intakeLaw) widen() {
	topic, _ := l.any()
	_, err := l.adm.CreatePartitions(l.t.Context(), 1, topic)
	l.none(err)
	l.topics[topic]++
	l.write(topic, l.topics[topic]-1, 5, kgo.TryCommit, false)
	l.refresh()
}

func (l *intakeLaw) create() {
	topic := fmt.Sprintf("shop.%d", len(l.topics))
	l.none(l.cluster.CreateTopic(topic, 2, nil))
	l.topics[topic] = 2
	l.write(topic, 1, 5, kgo.TryCommit, false)
	l.refresh()
}

// remake makes a topic again: Kafka drops the group's offsets of the old one with it.
func (l *intakeLaw) remake() {
	topic, _ := l.any()
	l.none(l.cluster.DeleteTopic(topic))
	l.take(func(r *writtenRow) bool { return r.at.topic == topic })
	l.none(l.cluster.CreateTopic(topic, l.topics[topic], nil))
	l.write(topic, 0, 5, kgo.TryCommit, false)
	l.refresh()
}

// reset sets an offset by hand, while no instance runs.
func (l *intakeLaw) reset() {
	again := l.stop()
	topic, id := l.any()
	to := l.some(topic, id)
	setOffsets(l.t, l.cluster, offsets{topic: {id: to}})
	l.take(func(r *writtenRow) bool {
		here := r.at == topicPartition{topic, id}
		r.never = r.never && !(r.old && here && r.offset >= to) // now it is asked for
		return here && r.offset < to
	})
	again()
}

// refresh has what would be found within half a minute be found now.
func (l *intakeLaw) refresh() {
	l.client.ForceMetadataRefresh()
	for _, m := range l.members {
		eventually(l.t, "it runs", func() bool { m.mu.Lock(); defer m.mu.Unlock(); return m.begun })
		m.client.ForceMetadataRefresh()
	}
}

// catchUp waits until the group has committed the end of everything.
func (l *intakeLaw) catchUp() {
	ends := l.ask(l.adm.ListCommittedOffsets, slices.Collect(maps.Keys(l.topics))...)
	eventually(l.t, "the ends are committed", func() bool {
		for topic, n := range l.topics {
			for id := range n {
				if committed(l.cluster, topic, id) != ends[topic][id].Offset {
					return false
				}
			}
		}
		return true
	})
	l.stop()
}

func (l *intakeLaw) check() {
	must := 0
	for value, r := range l.rows {
		switch n := l.settled[value]; {
		case r.must && n == 0:
			l.t.Errorf("the row at %s/%d/%d has not settled", r.at.topic, r.at.id, r.offset)
		case r.never && n > 0:
			l.t.Errorf("the row at %s/%d/%d has settled: it was aborted, or written before the first start", r.at.topic, r.at.id, r.offset)
		}
		if r.must {
			must++
		}
	}
	l.t.Logf("%d rows in %d topics, %d of which had to settle", len(l.rows), len(l.topics), must)
}

func (l *intakeLaw) none(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}
