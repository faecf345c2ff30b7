package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const outTopic = "rows"

// copier is a member whose handlers copy what they read to another topic, each chunk with its offset.
type copier struct {
	*testMember
	txns   *Transactions
	reads  cable // of the consumer
	writes cable // of its transactions
	status *pipeline.Status
	write  func(chunk *pipeline.Chunk, write Write) // nil: copies
	asked  atomic.Int64                             // calls of Chunk
	ends   chan error                               // of each Chunk
}

func (c *copier) offer(ctx context.Context, chunk *pipeline.Chunk) pipeline.Ticket {
	acked, nacked := make(chan struct{}), make(chan struct{})
	go func() {
		c.asked.Add(1)
		err := c.txns.Chunk(ctx, chunk, func(write Write) { c.write(chunk, write) })
		c.ends <- err
		if err != nil {
			if errors.Is(err, pipeline.ErrHeld) {
				chunk.Hold()
			}
			close(nacked)
			return
		}
		for i := range chunk.Records {
			chunk.Settle(i, pipeline.Delivered)
		}
		close(acked)
	}()
	return pipeline.Ticket{Acked: acked, Nacked: nacked}
}

func copyChunk(chunk *pipeline.Chunk, write Write) {
	for i := range chunk.Records {
		r := &chunk.Records[i]
		write(outTopic, r.Partition, []byte("k"), []byte(strconv.Itoa(int(r.Partition))+":"+string(r.Value)))
	}
}

// startCopier has one join and copy.
func startCopier(t *testing.T, cluster *kfake.Cluster, change func(*Config, *ConsumerOptions, *copier)) *copier {
	t.Helper()
	c := &copier{status: pipeline.NewStatus(time.Now), write: copyChunk, ends: make(chan error, 10_000)}
	ready := make(chan struct{})
	offer := func(ctx context.Context, chunk *pipeline.Chunk) pipeline.Ticket {
		<-ready
		return c.offer(ctx, chunk)
	}
	var cfg Config
	c.testMember = join(t, cluster, offer, func(to *Config, o *ConsumerOptions) {
		to.SessionTimeout, to.Dial = settings.Duration(6*time.Second), c.reads.dial
		o.Window, o.MaxChunk, o.Status = 1, 10, c.status
		if change != nil {
			change(to, o, c)
		}
		cfg = *to
	})
	cfg.Dial = c.writes.dial
	c.txns = NewTransactions(cfg, c.Consumer, nil)
	close(ready)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.txns.Run(ctx) }()
	t.Cleanup(func() {
		c.stop()
		cancel()
		<-done
	})
	return c
}

// seen is what readers of committed records see of the copies, by partition, until n are there, or a while has passed.
func seen(t *testing.T, cluster *kfake.Cluster, n int) map[string]int {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(outTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	values, last := map[string]int{}, time.Now()
	for total := 0; time.Since(last) < 30*time.Second && (total < n || time.Since(last) < 500*time.Millisecond); {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			values[string(r.Value)]++
			total++
			last = time.Now()
		})
		cancel()
	}
	return values
}

// each asserts that each record was copied once.
func each(t *testing.T, got map[string]int, partitions, records int) {
	t.Helper()
	for p := range partitions {
		for i := range records {
			if n := got[strconv.Itoa(p)+":"+strconv.Itoa(i)]; n != 1 {
				t.Errorf("record %d of partition %d was copied %d times, want once", i, p, n)
			}
		}
	}
	if len(got) != partitions*records {
		t.Errorf("%d copies, want %d", len(got), partitions*records)
	}
}

// atEnds reports whether the group has committed the ends of all partitions.
func atEnds(cluster *kfake.Cluster, partitions int32, end int64) func() bool {
	return func() bool {
		for p := range partitions {
			if committed(cluster, testTopic, p) != end {
				return false
			}
		}
		return true
	}
}

func transactional(t *testing.T, partitions int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	return newCluster(t, partitions, append(opts, kfake.SeedTopics(partitions, testTopic, outTopic), kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0", "group.consumer.heartbeat.interval.ms": "100",
			"group.consumer.session.timeout.ms": "2000", "group.consumer.min.session.timeout.ms": "1000"}))...)
}

func TestEachRecordIsCopiedOnceWithItsOffset(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{Classic, NextGen} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 3)
			for p := range int32(3) {
				produceTo(t, cluster, testTopic, p, 95)
			}
			c := startCopier(t, cluster, func(cfg *Config, _ *ConsumerOptions, _ *copier) { cfg.Protocol = protocol })
			each(t, seen(t, cluster, 3*95), 3, 95)
			eventually(t, "offsets are committed", atEnds(cluster, 3, 95))
			if info := cluster.GroupInfo(testGroup); len(info.Members) != 1 {
				t.Errorf("the group has %d members, want the consumer alone", len(info.Members))
			}
			c.leave(t)
		})
	}
}

// ended is the next answer to a chunk that passes.
func (c *copier) ended(t *testing.T, what string, passes func(error) bool) {
	t.Helper()
	deadline := time.After(40 * time.Second)
	for {
		select {
		case err := <-c.ends:
			if passes(err) {
				return
			}
		case <-deadline:
			t.Fatalf("no chunk ends: %s", what)
		}
	}
}

// observe counts requests.
func observe(cluster *kfake.Cluster, key kmsg.Key) *kfake.FaultHandle {
	return cluster.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Observe: true, TopLevel: true, Count: -1})
}

// holdUp has the first request of a kind wait until goOn is closed.
func holdUp(cluster *kfake.Cluster, key kmsg.Key) (came, goOn chan struct{}) {
	came, goOn = make(chan struct{}), make(chan struct{})
	var once sync.Once
	cluster.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		once.Do(func() {
			close(came)
			cluster.SleepControl(func() { <-goOn })
		})
		return nil, nil, false
	})
	return came, goOn
}

func TestAnAbortedTransactionLeavesNeitherRecordsNorOffsets(t *testing.T) {
	t.Parallel()
	cluster := transactional(t, 1)
	refused := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
	produceTo(t, cluster, testTopic, 0, 10)
	c := startCopier(t, cluster, nil)
	eventually(t, "a transaction was tried three times", func() bool { return refused.Hits() >= 3 })
	if got := seen(t, cluster, 0); len(got) > 0 {
		t.Errorf("%d records of aborted transactions are seen", len(got))
	}
	if at := committed(cluster, testTopic, 0); at > 0 {
		t.Errorf("offset %d is committed without the records", at)
	}
	refused.Remove()
	each(t, seen(t, cluster, 10), 1, 10)
	eventually(t, "the offset is committed", atEnds(cluster, 1, 10))
	c.leave(t)
}

// One that was put out of its group between writing and the end of its transaction is too late: another instance has the partition.
func TestWhatAFrozenInstanceHasWrittenIsNeverSeen(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{Classic, NextGen} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 1)
			set := func(cfg *Config, _ *ConsumerOptions, _ *copier) { cfg.Protocol = protocol }
			froze, thaw := make(chan struct{}), make(chan struct{})
			var once sync.Once
			frozen := startCopier(t, cluster, func(cfg *Config, o *ConsumerOptions, c *copier) {
				set(cfg, o, c)
				cfg.SessionTimeout = settings.Duration(2 * time.Second)
				c.write = func(chunk *pipeline.Chunk, write Write) {
					write(outTopic, 0, nil, []byte("of the frozen"))
					once.Do(func() { c.reads.set(frozenCable); close(froze); <-thaw })
				}
			})
			refused := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Observe: true, Count: -1})
			eventually(t, "it reads", func() bool { return len(frozen.all()) == 1 })
			produceTo(t, cluster, testTopic, 0, 10)
			<-froze
			other := startCopier(t, cluster, set)
			eventually(t, "another has copied all", func() bool { return committed(cluster, testTopic, 0) == 10 })
			before := refused.Hits()
			close(thaw) // it does not know anything yet
			eventually(t, "its offsets are refused", func() bool { return refused.Hits() > before })
			frozen.reads.set(goodCable)
			frozen.ended(t, "of the frozen one, with an error", func(err error) bool { return err != nil })
			each(t, seen(t, cluster, 10), 1, 10)
			other.leave(t)
		})
	}
}

// putOut has the group forget a member.
func putOut(t *testing.T, cluster *kfake.Cluster, protocol, member string) {
	t.Helper()
	client := newClient(t, configFor(cluster))
	var err error
	if protocol == NextGen {
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.Group, r.MemberID, r.MemberEpoch = testGroup, member, -1
		_, err = r.RequestWith(t.Context(), client)
	} else {
		r := kmsg.NewPtrLeaveGroupRequest()
		r.Group = testGroup
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = member
		r.Members = append(r.Members, m)
		_, err = r.RequestWith(t.Context(), client)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestChunksOfSeveralPartitionsShareATransaction(t *testing.T) {
	t.Parallel()
	cluster := transactional(t, 12)
	ends := observe(cluster, kmsg.EndTxn)
	for p := range int32(12) {
		produceTo(t, cluster, testTopic, p, 10)
	}
	hold := make(chan struct{})
	goOn := sync.OnceFunc(func() { close(hold) })
	var once sync.Once
	first := startCopier(t, cluster, func(_ *Config, _ *ConsumerOptions, c *copier) {
		c.write = func(chunk *pipeline.Chunk, write Write) {
			once.Do(func() { <-hold }) // Run waits in the first: the others come together
			copyChunk(chunk, write)
		}
	})
	t.Cleanup(goOn)
	eventually(t, "all chunks are handed over", func() bool { return first.asked.Load() == 12 })
	<-time.After(200 * time.Millisecond) // they wait
	goOn()
	each(t, seen(t, cluster, 120), 12, 10)
	if n := ends.Hits(); n > 2 {
		t.Errorf("%d transactions, want two at most: of the first chunk, and of all others", n)
	}
	first.leave(t)
}

// cable is the way of one client to Kafka.
type cable struct {
	mu    sync.Mutex
	state int
	thaw  chan struct{}
	conns []net.Conn
}

const (
	goodCable   = iota
	cutCable    // connections fail
	frozenCable // nothing comes, nothing goes, and nobody is told
)

// frozenConn waits while its cable is frozen.
type frozenConn struct {
	net.Conn
	cable *cable
}

func (c frozenConn) Write(b []byte) (int, error) {
	c.cable.wait()
	return c.Conn.Write(b)
}

func (c frozenConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.cable.wait()
	return n, err
}

func (c *cable) wait() {
	c.mu.Lock()
	thaw := c.thaw
	c.mu.Unlock()
	if thaw != nil {
		<-thaw
	}
}

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c.wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == cutCable {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.conns = append(c.conns, conn)
	return frozenConn{conn, c}, nil
}

func (c *cable) set(state int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = state
	if c.thaw != nil {
		close(c.thaw)
		c.thaw = nil
	}
	switch state {
	case frozenCable:
		c.thaw = make(chan struct{})
	case cutCable:
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.conns = nil
	}
}

func troubles(c *copier) (list []string) {
	for _, t := range c.status.Troubles("orders") {
		list = append(list, t.Source+": "+t.What)
	}
	return list
}

func (c *copier) troubled(source, text string) func() bool {
	return func() bool {
		return slices.ContainsFunc(troubles(c), func(s string) bool { return strings.HasPrefix(s, source+": ") && strings.Contains(s, text) })
	}
}

func TestTransactionsGoOnWhenKafkaIsBack(t *testing.T) {
	t.Parallel()
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("for the consumer too %v", whole), func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 2)
			produceTo(t, cluster, testTopic, 0, 15)
			produceTo(t, cluster, testTopic, 1, 15)
			var once sync.Once
			away := make(chan struct{})
			m := startCopier(t, cluster, func(cfg *Config, _ *ConsumerOptions, m *copier) {
				m.write = func(chunk *pipeline.Chunk, write Write) {
					copyChunk(chunk, write)
					once.Do(func() {
						m.writes.set(cutCable)
						if whole {
							m.reads.set(cutCable)
						}
						close(away)
					})
				}
			})
			<-away
			if !whole { // else there is nothing to write: the group's partitions are given up
				eventually(t, "the operator is told", m.troubled("transactions", "tried again"))
			} else {
				eventually(t, "the partitions are given up", func() bool { return len(m.all()) == 0 })
			}
			m.writes.set(goodCable)
			m.reads.set(goodCable)
			each(t, seen(t, cluster, 30), 2, 15)
			eventually(t, "offsets are committed", atEnds(cluster, 2, 15))
			eventually(t, "the trouble is over", func() bool { return !m.troubled("transactions", "")() })
			m.leave(t)
		})
	}
}

// A killed instance leaves a transaction open: its partition's next owner waits until it is decided, and copies what it had not committed.
func TestTheNextOwnerStartsBehindWhatAKilledInstanceLeftOpen(t *testing.T) {
	t.Parallel()
	cluster := transactional(t, 1)
	killed := startCopier(t, cluster, func(cfg *Config, _ *ConsumerOptions, _ *copier) {
		cfg.SessionTimeout = settings.Duration(2 * time.Second)
	})
	eventually(t, "it reads", func() bool { return len(killed.all()) == 1 })
	open := make(chan struct{})
	cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		killed.writes.set(cutCable)
		killed.reads.set(cutCable)
		close(open)
		return nil, errors.New("killed"), true
	})
	produceTo(t, cluster, testTopic, 0, 10)
	<-open
	other := startCopier(t, cluster, nil)
	eventually(t, "another has the partition", func() bool { return len(other.all()) == 1 })
	select {
	case <-other.ends:
		t.Error("it reads on though the transaction is open")
	case <-time.After(3 * time.Second):
	}
	each(t, seen(t, cluster, 10), 1, 10)
	eventually(t, "the offset is committed", atEnds(cluster, 1, 10))
	other.leave(t)
}

func TestATransactionThatFailsForGoodIsBegunByANewClient(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]kfake.Fault{
		"fenced at the end":         {Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.ProducerFenced},
		"fenced while it writes":    {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.InvalidProducerEpoch},
		"fenced with the offsets":   {Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.ProducerFenced},
		"unknown producer":          {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.UnknownProducerID},
		"id that is mapped no more": {Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.InvalidProducerIDMapping},
		"out of order":              {Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.OutOfOrderSequenceNumber},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 1)
			produceTo(t, cluster, testTopic, 0, 20)
			fault.Count = 1
			cluster.Fault(fault)
			c := startCopier(t, cluster, nil)
			each(t, seen(t, cluster, 20), 1, 20)
			eventually(t, "the offset is committed", atEnds(cluster, 1, 20))
			c.leave(t)
		})
	}
}

// The topic was made by hand, or changed: nothing gets past it before an operator has acted, and all goes on by itself then.
func TestATopicThatTakesTooLittleAtOnceIsNamedWithItsCure(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"a record": 40_000, "a batch of records that fit": 15_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 1)
			alter(t, cluster, outTopic, "max.message.bytes", "20000")
			c := startCopier(t, cluster, func(_ *Config, _ *ConsumerOptions, c *copier) {
				c.write = func(chunk *pipeline.Chunk, write Write) {
					copyChunk(chunk, func(topic string, partition int32, _, value []byte) {
						write(topic, partition, incompressible(size), value)
					})
				}
			})
			produceTo(t, cluster, testTopic, 0, 10)
			eventually(t, "the operator is told", c.troubled("transactions", "write to topic rows: "))
			if list := c.status.Troubles("orders"); !list[0].Stop || !strings.Contains(list[0].What, "raise its max.message.bytes, to 1048576 at least") {
				t.Errorf("got %+v, want the cure, and that an operator must act", list[0])
			}
			alter(t, cluster, outTopic, "max.message.bytes", "1048576")
			each(t, seen(t, cluster, 10), 1, 10)
			eventually(t, "the trouble is over", func() bool { return len(troubles(c)) == 0 })
			c.leave(t)
		})
	}
}

func incompressible(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

func alter(t *testing.T, cluster *kfake.Cluster, topic, key, value string) {
	t.Helper()
	_, err := newAdm(t, cluster).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: key, Value: &value}}, topic)
	if err != nil {
		t.Fatal(err)
	}
}

// Plain commits of the same partition would count as the later ones, if they came while a transaction ends.
func TestNoPlainCommitComesBetweenAnOffsetAndTheEndOfItsTransaction(t *testing.T) {
	t.Parallel()
	cluster := transactional(t, 1)
	c := startCopier(t, cluster, func(_ *Config, _ *ConsumerOptions, c *copier) {
		c.write = func(chunk *pipeline.Chunk, write Write) {
			if chunk.Records[0].Offset >= 10 { // the first chunk writes nothing: its offset is a plain commit's
				copyChunk(chunk, write)
			}
		}
	})
	eventually(t, "the beginning is committed", func() bool { return committed(cluster, testTopic, 0) == 0 })
	open, goOn := holdUp(cluster, kmsg.EndTxn)
	produceTo(t, cluster, testTopic, 0, 20)
	<-open
	commits := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Observe: true, Count: -1})
	<-time.After(2500 * time.Millisecond) // two ticks
	if n := commits.Hits(); n > 0 {
		t.Errorf("%d plain commits while the transaction is open, want none", n)
	}
	close(goOn)
	eventually(t, "the offset is committed", atEnds(cluster, 1, 20))
	c.leave(t)
}

func TestTroubleWithTransactionsIsToldWithItsCure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, cure string
		fault      kfake.Fault
	}{
		{"transactional id", `grant Write and Describe on the transactional ids that begin with "tokrelay.orders."`,
			kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.TransactionalIDAuthorizationFailed, TopLevel: true}},
		{"cluster", "grant IdempotentWrite on the cluster",
			kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.ClusterAuthorizationFailed, TopLevel: true}},
		{"topic", "grant Write on topic rows", kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed}},
		{"group", "grant Read on group tokrelay.orders", kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.GroupAuthorizationFailed}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 1)
			produceTo(t, cluster, testTopic, 0, 10)
			c.fault.Count = -1
			denied := cluster.Fault(c.fault)
			m := startCopier(t, cluster, nil)
			eventually(t, "the operator is told", m.troubled("transactions", c.cure))
			if list := m.status.Troubles("orders"); !list[0].Stop {
				t.Error("it is not said that an operator must act")
			}
			denied.Remove()
			each(t, seen(t, cluster, 10), 1, 10)
			eventually(t, "the trouble is over", func() bool { return len(troubles(m)) == 0 })
			m.leave(t)
		})
	}
}

func TestAChunkDoesNotWaitForTroubleWhenItsPartitionIsToBeGivenUp(t *testing.T) {
	t.Parallel()
	cluster := transactional(t, 1)
	produceTo(t, cluster, testTopic, 0, 10)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.TransactionalIDAuthorizationFailed, TopLevel: true, Count: -1})
	m := startCopier(t, cluster, nil)
	eventually(t, "the operator is told", m.troubled("transactions", "grant"))
	began := time.Now()
	m.leave(t)
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("leaving took %v: the chunk waited", took)
	}
	m.ended(t, "held", func(err error) bool { return errors.Is(err, pipeline.ErrHeld) })
}

// Brokers before 4.0 have offsets added to a transaction first.
func TestTransactionsOfOlderBrokers(t *testing.T) {
	t.Parallel()
	for name, versions := range map[string]*kversion.Versions{"2.5": kversion.V2_5_0(), "2.8": kversion.V2_8_0(), "3.9": kversion.V3_9_0(), "4.0": kversion.V4_0_0()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 2, kfake.MaxVersions(versions))
			added := observe(cluster, kmsg.AddOffsetsToTxn)
			produceTo(t, cluster, testTopic, 0, 30)
			produceTo(t, cluster, testTopic, 1, 30)
			c := startCopier(t, cluster, nil)
			each(t, seen(t, cluster, 60), 2, 30)
			eventually(t, "offsets are committed", atEnds(cluster, 2, 30))
			if explicit := added.Hits() > 0; explicit != (name != "4.0") {
				t.Errorf("offsets were added to the transaction in a request of their own: %v", explicit)
			}
			c.leave(t)
		})
	}
}
