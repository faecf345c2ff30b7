package kafka

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// openTransaction is one that was begun, with n rows in one partition. end ends it.
func openTransaction(t *testing.T, c *kfake.Cluster, topic string, partition int32, n int) (end func(kgo.TransactionEndTry)) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(rand.Text()), kgo.TransactionTimeout(10*time.Minute))
	if err == nil {
		err = client.BeginTransaction()
	}
	if err != nil {
		t.Fatal(err)
	}
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(strconv.Itoa(i))}
	}
	if err := client.ProduceSync(t.Context(), rs...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return func(how kgo.TransactionEndTry) {
		defer client.Close()
		if err := client.EndTransaction(context.Background(), how); err != nil {
			t.Fatal(err)
		}
	}
}

// A transactional producer leaves a marker at the end of each; those that follow the last row were never
// committed, and counted as lag for ever. When retention had removed what was read, they counted as lost.
func TestThePositionMovesOverTheEndsOfTransactionsAndAbortedRows(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		ends []kgo.TransactionEndTry // of transactions of 3 rows each
		rows int
	}{
		{"committed", []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryCommit, kgo.TryCommit}, 9},
		{"aborted at the end", []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryAbort}, 3},
		{"nothing but aborted rows", []kgo.TransactionEndTry{kgo.TryAbort}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster, counts := newCluster(t, 1), metrics.New()
			own := counting(counts)
			for _, how := range c.ends {
				openTransaction(t, cluster, testTopic, 0, 3)(how)
			}
			end := int64(4 * len(c.ends)) // three rows and a marker each
			b := newBook(t, cluster)
			b.markers = true
			m := join(t, cluster, b.settleAll, func(_ *Config, o *ConsumerOptions) { o.Metrics = own })
			eventually(t, "all of it is committed", func() bool { return committed(cluster, testTopic, 0) == end })
			eventually(t, "no lag is left", func() bool { return gather(t, counts, "tokrelay_consumer_lag_records") == 0 })
			if err := cluster.DeleteRecords(testTopic, 0, end); err != nil {
				t.Fatal(err)
			}
			produceTo(t, cluster, testTopic, 0, 2)
			reached(t, b, c.rows+2)
			m.leave(t)
			if rows, times := b.rows(); rows != c.rows+2 || times != rows {
				t.Errorf("%d rows settled %d times, want %d once", rows, times, c.rows+2)
			}
			if got := counted(t, counts, "tokrelay_records_lost_total"); got != 0 {
				t.Errorf("lost records: %v, want none: all that was removed had been read", got)
			}
		})
	}
}

func TestMarkersBehindRowsInFlightAreCommittedWithThem(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	openTransaction(t, cluster, testTopic, 0, 3)(kgo.TryCommit)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, nil)
	h := <-chunks
	openTransaction(t, cluster, testTopic, 0, 3)(kgo.TryAbort)
	eventually(t, "the marker is here", func() bool {
		p := m.part(testTopic, 0)
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.fetchedTo == 8 && len(p.pending) == 0
	})
	if got := committed(cluster, testTopic, 0); got > 0 {
		t.Errorf("committed %d with the rows in flight, want nothing but the beginning", got)
	}
	h.ack()
	eventually(t, "both are committed", func() bool { return committed(cluster, testTopic, 0) == 8 })
	m.leave(t)
	if m.flow.used != 0 {
		t.Errorf("budget: %d still used, want 0", m.flow.used)
	}
}

func TestAnOpenTransactionThatHoldsAPartitionIsNamedAndIsNoLag(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		aborted int // rows of another transaction that was aborted later, right before the open one
		rows    int
	}{{"after rows", 0, 5}, {"after aborted rows", 4, 5}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster, status, counts := newCluster(t, 1), pipeline.NewStatus(time.Now), metrics.New()
			own := counting(counts)
			produceTo(t, cluster, testTopic, 0, c.rows)
			abort := openTransaction(t, cluster, testTopic, 0, c.aborted)
			end := openTransaction(t, cluster, testTopic, 0, 7)
			if c.aborted > 0 {
				abort(kgo.TryAbort)
			}
			b := newBook(t, cluster)
			b.markers = true
			m := join(t, cluster, b.settleAll, func(_ *Config, o *ConsumerOptions) { o.Status, o.Metrics = status, own })
			reached(t, b, c.rows)
			eventually(t, "the rows are committed", func() bool { return committed(cluster, testTopic, 0) >= int64(c.rows) })
			now, p := time.Now(), m.part(testTopic, 0)
			for range 4 { // as often as within 45 seconds
				m.askEnds(t.Context(), now)
				now = now.Add(endsEvery * tickEvery)
			}
			records, age := p.lag(now)
			if d, _ := p.opened(now); d <= 0 || records != 0 || age != 0 {
				t.Errorf("after a minute: held for %s, %d records and %s behind, want some time, and nothing behind", d, records, age)
			}
			if troubles := status.Troubles("orders"); len(troubles) != 0 {
				t.Errorf("status after a minute: got %v, want nothing", troubles)
			}
			eventually(t, "the transaction is told of", func() bool { // Kafka may answer late, or the member's own clock ask in between
				m.askEnds(t.Context(), now)
				now = now.Add(openAfter)
				return len(status.Troubles("orders")) > 0
			})
			if records, age = p.lag(now.Add(time.Hour)); records != 0 || age != 0 {
				t.Errorf("lag: got %d records and %s, want none", records, age)
			}
			held := fmt.Sprintf("an open transaction holds %s/0 at offset %d:", testTopic, c.rows+c.aborted)
			troubles := status.Troubles("orders")
			if len(troubles) != 1 || !strings.HasPrefix(troubles[0].What, held) || troubles[0].Stop {
				t.Fatalf("status: got %v, want %q", troubles, held)
			}
			if d, _ := p.opened(now); d < openAfter {
				t.Errorf("held for %s, want at least %s", d, openAfter)
			}
			end(kgo.TryCommit)
			reached(t, b, c.rows+7)
			m.askEnds(t.Context(), now)
			if troubles := status.Troubles("orders"); len(troubles) != 0 {
				t.Errorf("status once it has ended: got %v, want nothing", troubles)
			}
			m.leave(t)
		})
	}
}

func TestAPartitionIsHeldOnlyWhereNothingMoves(t *testing.T) {
	start := testNow()
	at := func(stable, end int64) asked { return asked{stable: stable, end: end} }
	cases := []struct {
		name string
		read int64
		says [3]asked // 15 seconds apart
		want time.Duration
	}{
		{"held", 10, [3]asked{at(10, 20), at(10, 25), at(10, 30)}, 15 * time.Second},
		{"transactions come and go", 10, [3]asked{at(10, 20), at(11, 25), at(12, 30)}, 0},
		{"none is open", 10, [3]asked{at(10, 10), at(10, 10), at(10, 10)}, 0},
		{"it has ended", 10, [3]asked{at(10, 20), at(10, 20), at(20, 20)}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPartition("t", 0, &flow{})
			now := start
			for i, says := range c.says {
				now = start.Add(time.Duration(i) * 15 * time.Second)
				p.fetchedTo = c.read
				p.noteBounds(says, false, now)
			}
			if got, _ := p.opened(now); got != c.want {
				t.Errorf("held for %s, want %s", got, c.want)
			}
		})
	}
}
