package kafka

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestAStuckPartitionLeavesRoomForTheOthers(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 2)
	produceTo(t, cluster, testTopic, 0, 3000)
	b := newBook(t, cluster)
	release := make(chan struct{})
	offer := func(ctx context.Context, c *pipeline.Chunk) pipeline.Ticket {
		if c.Partition == 1 {
			return b.settleAll(ctx, c)
		}
		acked := make(chan struct{})
		go func() { <-release; b.settle(c); close(acked) }()
		return pipeline.Ticket{Acked: acked, Nacked: make(chan struct{})}
	}
	m := join(t, cluster, offer, func(cfg *Config, o *ConsumerOptions) {
		cfg.Budget, cfg.FetchMaxPartitionBytes, o.MaxChunk = 200<<10, 64<<10, 100
	})
	eventually(t, "the stuck partition is paused", func() bool {
		p := m.part(testTopic, 0)
		if p == nil {
			return false
		}
		_, paused := p.holds()
		return paused
	})
	produceTo(t, cluster, testTopic, 1, 3000)
	eventually(t, "the other one is read to its end", func() bool { return committed(cluster, testTopic, 1) == 3000 })
	if got := committed(cluster, testTopic, 0); got > 0 {
		t.Errorf("the stuck one committed %d, want nothing but its beginning", got)
	}
	close(release)
	eventually(t, "the stuck one goes on to its end", func() bool { return committed(cluster, testTopic, 0) == 3000 })
	m.leave(t)
	if m.flow.used != 0 {
		t.Errorf("budget: %d still used, want 0", m.flow.used)
	}
}

// The client keeps a partition paused that was given up while it was stuck; when the partition came back, nobody read it.
func TestAPartitionThatComesBackIsReadThoughItWasPausedWhenItLeft(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 2)
	b := newBook(t, cluster)
	m := join(t, cluster, b.settleAll, nil)
	eventually(t, "it has both", func() bool { return len(m.all()) == 2 })
	m.client.PauseFetchPartitions(map[string][]int32{testTopic: {0}})
	produceTo(t, cluster, testTopic, 0, 100)
	eventually(t, "it is read to its end", func() bool { return committed(cluster, testTopic, 0) == 100 })
	m.leave(t)
}

func TestReadingStopsWhenTheBudgetIsUsed(t *testing.T) {
	cases := []struct {
		name         string
		used, paused int64
		want         int64
	}{
		{"nothing used", 0, 0, 100},
		{"a little left", 99, 0, 1},
		{"all used", 100, 0, 0},
		{"all used, most of it by what is paused", 130, 90, 10},
		{"all used, and the others have used their half", 150, 90, 0},
		{"almost twice used", 195, 180, 5},
		{"twice used", 210, 190, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := &flow{most: 100, used: c.used, paused: c.paused}
			if got := f.left(); got != c.want {
				t.Errorf("got %d left, want %d", got, c.want)
			}
		})
	}
}

func TestAPartitionIsPausedOnlyWhenItIsStuckAndOthersAreNot(t *testing.T) {
	now := testNow()
	cases := []struct {
		name   string
		p      *partition
		others bool
		want   bool
	}{
		{"stuck with more than half", &partition{held: 60, headSince: now.Add(-2 * time.Second)}, true, true},
		{"moving with more than half", &partition{held: 60, headSince: now.Add(-time.Millisecond)}, true, false},
		{"stuck with less", &partition{held: 40, headSince: now.Add(-time.Hour)}, true, false},
		{"alone", &partition{held: 60, headSince: now.Add(-time.Hour)}, false, false},
		{"paused and still holding a lot", &partition{held: 30, paused: true}, true, true},
		{"paused and drained", &partition{held: 20, paused: true}, true, false},
		{"paused and alone now", &partition{held: 90, paused: true}, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			was := c.p.paused
			changed, got := c.p.updatePaused(now, 50, c.others)
			if got != c.want || changed != (was != c.want) {
				t.Errorf("got paused %v, changed %v, want %v", got, changed, c.want)
			}
		})
	}
}

func TestABrokerIsAwayWhenNobodyHasAnsweredForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused, h := errors.New("connection refused"), &health{}
		h.OnBrokerConnect(kgo.BrokerMetadata{}, 0, nil, nil)
		<-time.After(awayAfter)
		if err := h.away(time.Now()); err != nil {
			t.Errorf("silence without a failure: got %v, want nil", err)
		}
		h.OnBrokerConnect(kgo.BrokerMetadata{}, 0, nil, refused)
		if err := h.away(time.Now()); !errors.Is(err, refused) {
			t.Errorf("a failure after a silence: got %v, want it", err)
		}
		h.OnBrokerE2E(kgo.BrokerMetadata{}, 0, kgo.BrokerE2E{})
		<-time.After(time.Second)
		h.OnBrokerE2E(kgo.BrokerMetadata{}, 0, kgo.BrokerE2E{ReadErr: refused})
		if err := h.away(time.Now()); err != nil {
			t.Errorf("one broker fails and another answered just now: got %v, want nil", err)
		}
	})
}

func TestABrokerThatIsAwayShowsInTheStatusAndPasses(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := nobody.Addr().String()
	nobody.Close()
	status := pipeline.NewStatus(time.Now)
	consumer, err := NewConsumer(settings.WithDefaults(Config{Brokers: []string{address}}), ConsumerOptions{Start: Earliest, Sync: "orders", Group: testGroup, Topics: []string{testTopic}, Status: status})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	settled := make(chan int64, 1)
	go func() {
		ended <- consumer.Run(ctx, func(_ context.Context, c *pipeline.Chunk) pipeline.Ticket {
			done := make(chan struct{})
			close(done)
			settled <- c.Records[0].Offset
			return pipeline.Ticket{Acked: done, Nacked: make(chan struct{})}
		})
	}()
	eventually(t, "the status shows it", func() bool {
		troubles := status.Troubles("orders")
		return len(troubles) == 1 && troubles[0].Kind == pipeline.TroubleKafka && !troubles[0].Stop
	})
	cluster := newCluster(t, 1, kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, address) }))
	produceTo(t, cluster, testTopic, 0, 1)
	<-settled
	eventually(t, "the status is clear", func() bool { return len(status.Troubles("orders")) == 0 })
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
}

func TestAGroupThatMayNotBeJoinedShowsInTheStatusAndPasses(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 1)
	status := pipeline.NewStatus(time.Now)
	forbidden := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.GroupAuthorizationFailed, TopLevel: true, Count: -1})
	b := newBook(t, cluster)
	m := join(t, cluster, b.settleAll, func(_ *Config, o *ConsumerOptions) { o.Status = status })
	eventually(t, "the status shows it", func() bool { return len(status.Troubles("orders")) == 1 })
	forbidden.Remove()
	reached(t, b, 1)
	if left := status.Troubles("orders"); len(left) != 0 {
		t.Errorf("status afterwards: got %v, want nothing", left)
	}
	m.leave(t)
}

func TestTheCoordinatorMayMoveAndCommitsGoOn(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 2, kfake.NumBrokers(3))
	produceTo(t, cluster, testTopic, 0, 500)
	b := newBook(t, cluster)
	m := join(t, cluster, b.settleAll, nil)
	eventually(t, "the first rows are committed", func() bool { return committed(cluster, testTopic, 0) == 500 })
	cluster.RehashCoordinators()
	produceTo(t, cluster, testTopic, 0, 500)
	produceTo(t, cluster, testTopic, 1, 500)
	eventually(t, "the other rows are committed", func() bool {
		return committed(cluster, testTopic, 0) == 1000 && committed(cluster, testTopic, 1) == 500
	})
	m.leave(t)
	if rows, times := b.rows(); rows != 1500 || times != 1500 {
		t.Errorf("%d rows settled %d times, want 1500 once", rows, times)
	}
}

func TestAStaticMemberKeepsItsPartitionsOverARestart(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 10)
	b := newBook(t, cluster)
	static := func(cfg *Config, _ *ConsumerOptions) {
		cfg.InstanceID, cfg.SessionTimeout = "pod-0", settings.Duration(2*time.Minute)
	}
	m := join(t, cluster, b.settleAll, static)
	reached(t, b, 10)
	m.leave(t)
	g := cluster.GroupInfo(testGroup)
	if len(g.Members) != 1 || *g.Members[0].InstanceID != "pod-0" {
		t.Fatalf("after it ended: got members %+v, want pod-0 still", g.Members)
	}
	generation := g.Epoch
	produceTo(t, cluster, testTopic, 0, 10)
	m = join(t, cluster, b.settleAll, static)
	reached(t, b, 20)
	if g := cluster.GroupInfo(testGroup); g.Epoch != generation {
		t.Errorf("the restart rebalanced the group: generation %d, want %d", g.Epoch, generation)
	}
	m.leave(t)
}

func TestMetricsOfTheIntakeAddUp(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 2)
	produceTo(t, cluster, testTopic, 0, 700)
	produceTo(t, cluster, testTopic, 1, 300)
	all := metrics.New()
	own := counting(all)
	chunks := make(handler, 100)
	m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) {
		o.Metrics, o.MaxChunk, o.Window, o.Drain = own, 100, 100, 50*time.Millisecond
	})
	var held []*handed
	for range 10 {
		held = append(held, <-chunks)
	}
	eventually(t, "the lag is known", func() bool { return gather(t, all, "tokrelay_consumer_lag_records") == 1000 })
	if got := gather(t, all, "tokrelay_records_total"); got != 1000 {
		t.Errorf("records: got %v, want 1000", got)
	}
	if got := gather(t, all, "tokrelay_unsettled_records"); got != 1000 {
		t.Errorf("unsettled: got %v, want 1000", got)
	}
	if got := gather(t, all, "tokrelay_partitions_assigned"); got != 2 {
		t.Errorf("assigned: got %v, want 2", got)
	}
	m.stop()
	<-held[0].ctx.Done()
	for _, h := range held {
		h.nack()
	}
	if err, ok := (<-m.ended).(*DrainMissed); !ok || err.Rows != 1000 {
		t.Errorf("Run: got %v, want a missed deadline with 1000 rows", err)
	}
	if got := gather(t, all, "tokrelay_unsettled_records"); got != 0 {
		t.Errorf("unsettled at rest: got %v, want 0", got)
	}
	if got := gather(t, all, "tokrelay_consumer_lag_records"); got != 0 {
		t.Errorf("lag of partitions given up: got %v, want none", got)
	}
}

// gather sums a metric's series.
func gather(t *testing.T, m *metrics.Registry, name string) float64 {
	t.Helper()
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		for _, series := range f.GetMetric() {
			if f.GetName() == name {
				sum += series.GetCounter().GetValue() + series.GetGauge().GetValue()
			}
		}
	}
	return sum
}

func TestLagIsCountedFromTheCommitAndTimedFromTheOldestUnsettledRow(t *testing.T) {
	now := testNow()
	cases := []struct {
		name    string
		p       *partition
		records int64
		age     time.Duration
	}{
		{"caught up", &partition{next: kgo.EpochOffset{Offset: 10}, committed: 10, end: 10, newest: now.Add(-time.Hour)}, 0, 0},
		{"settled and not committed", &partition{next: kgo.EpochOffset{Offset: 10}, committed: 4, end: 10}, 6, 0},
		{"in flight", &partition{next: kgo.EpochOffset{Offset: 4}, committed: 4, end: 10, oldest: now.Add(-time.Minute)}, 6, time.Minute},
		{"not in flight yet", &partition{next: kgo.EpochOffset{Offset: 4}, committed: 4, end: 10,
			pending: []*kgo.Record{{Timestamp: now.Add(-time.Second)}}}, 6, time.Second},
		{"not read yet", &partition{next: kgo.EpochOffset{Offset: 4}, committed: 4, end: 10, newest: now.Add(-time.Hour)}, 6, time.Hour},
		{"no timestamp", &partition{next: kgo.EpochOffset{Offset: 4}, committed: 4, end: 10,
			pending: []*kgo.Record{{Timestamp: time.UnixMilli(-1)}}}, 6, 0},
		{"nothing known", &partition{next: kgo.EpochOffset{Offset: -1}, committed: -1, end: -1}, 0, 0},
		{"never committed", &partition{next: kgo.EpochOffset{Offset: -1}, committed: -1, end: 7, oldest: now.Add(-time.Second)}, 7, time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if records, age := c.p.lag(now); records != c.records || age != c.age {
				t.Errorf("got %d records and %s, want %d and %s", records, age, c.records, c.age)
			}
		})
	}
}
