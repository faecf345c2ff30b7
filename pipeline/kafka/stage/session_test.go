package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// bench is a broker with topics of two partitions.
type bench struct {
	*testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
}

func newBench(t *testing.T, topics ...string) *bench {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topics...), kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	b := &bench{T: t, cluster: c}
	b.client = b.newClient()
	return b
}

func (b *bench) newClient(opts ...kgo.Opt) *kgo.Client {
	b.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	return client
}

func (b *bench) config() kafka.Config {
	return kafka.Config{Brokers: b.cluster.ListenAddrs(), ClientID: "test", MaxBatchBytes: 64 << 20, SessionTimeout: settings.Duration(45 * time.Second),
		RebalanceTimeout: settings.Duration(2 * time.Minute), RevokeDrain: settings.Duration(35 * time.Second), FetchMaxBytes: 8 << 20, FetchMaxPartitionBytes: 1 << 20}
}

func (b *bench) put(topic string, partition int32, values ...string) {
	b.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(v), Value: []byte(v)}
		if err := b.client.ProduceSync(b.Context(), r).FirstErr(); err != nil {
			b.Fatal(err)
		}
	}
}

// committed is what is committed of a topic, in the order of each partition.
func (b *bench) committed(topic string, n int) (values []string) {
	b.Helper()
	client := b.newClient(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
	defer cancel()
	for len(values) < n && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	slices.Sort(values)
	return values
}

func (b *bench) offset(group, topic string, partition int32) int64 {
	b.Helper()
	offsets, err := kadm.NewClient(b.client).FetchOffsets(b.Context(), group)
	if err != nil {
		return -1
	}
	o, _ := offsets.Lookup(topic, partition)
	return o.At
}

func (b *bench) eventually(what string, so func() bool) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatalf("%s: not within a minute", what)
		}
	}
}

// start runs a session until the returned function is called.
func (b *bench) start(run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	b.Cleanup(stop)
	return stop
}

func (b *bench) group(topic string) Group {
	return Group{Name: "one", Group: "group", Topics: []string{topic}, Trouble: func(err error) {
		if err != nil {
			b.Logf("trouble: %v", err)
		}
	}}
}

// copyTo writes each record to another topic.
func copyTo(topic string) func(context.Context, *Batch) error {
	return func(_ context.Context, b *Batch) error {
		for i := range b.Records {
			r := &b.Records[i]
			b.Write(topic, r.Partition, r.Key, r.Value)
		}
		return nil
	}
}

func TestWhatIsWrittenAndTheOffsetsAreOneTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in", "out")
	var mu sync.Mutex
	fails, ended := 2, []bool{}
	handle := copyTo("out")
	stop := b.start(NewSession(b.config(), SessionOptions{Group: b.group("in"), Handle: func(ctx context.Context, batch *Batch) error {
		err := handle(ctx, batch)
		mu.Lock()
		defer mu.Unlock()
		if fails > 0 { // with the records already on their way
			fails--
			return errors.New("not now")
		}
		return err
	}, Ended: func(committed bool) {
		mu.Lock()
		defer mu.Unlock()
		ended = append(ended, committed)
	}}).Run)
	b.put("in", 0, "a", "b")
	b.put("in", 1, "c")
	if got := b.committed("out", 3); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("written: %v, want each record once", got)
	}
	b.eventually("offsets", func() bool { return b.offset("group", "in", 0) == 2 && b.offset("group", "in", 1) == 1 })
	stop()
	mu.Lock()
	defer mu.Unlock()
	if slices.Index(ended, true) < 0 || ended[0] {
		t.Errorf("transactions ended so: %v, want first aborted, then committed", ended)
	}
}

// A record that Kafka refuses aborts what was written with it: offsets are not committed without it.
func TestARecordThatKafkaRefusesAbortsTheTransaction(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in", "out")
	told := make(chan error, 100)
	g := b.group("in")
	g.Trouble = func(err error) {
		if err != nil {
			told <- err
		}
	}
	b.start(NewSession(b.config(), SessionOptions{Group: g, Handle: func(_ context.Context, batch *Batch) error {
		batch.Write("out", 0, []byte("k"), []byte("small"))
		batch.Write("out", 0, []byte("k"), make([]byte, 5<<20))
		return nil
	}}).Run)
	b.put("in", 0, "a")
	select {
	case err := <-told:
		if !strings.Contains(err.Error(), "write to topic out:") {
			t.Errorf("trouble: %v, want what was not written", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing was told")
	}
	if at := b.offset("group", "in", 0); at > 0 {
		t.Errorf("offset %d is committed without what follows of it", at)
	}
}

// restored is what an owner was given of a partition.
type restored struct {
	mu     sync.Mutex
	values map[int32][]string
	owned  map[int32]int64
	gone   []int32
}

func newRestored() *restored {
	return &restored{values: map[int32][]string{}, owned: map[int32]int64{}}
}

func (r *restored) restore(id int32) Restoration {
	var values []string
	return Restoration{
		Take: func(rec *pipeline.Record) error { values = append(values, string(rec.Value)); return nil },
		Own: func(end int64) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.values[id], r.owned[id] = values, end
		}}
}

func (r *restored) owns(n int) func() bool {
	return func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return len(r.owned) == n
	}
}

// A transaction that is open when a partition is taken over is decided before it is owned, and what was aborted is not in it. Records
// that come meanwhile wait for it.
func TestAPartitionIsOwnedOnceWhatWasOpenIsDecided(t *testing.T) {
	t.Parallel()
	for _, how := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		t.Run(fmt.Sprintf("committed %v", how), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, "in", "table")
			b.put("table", 0, "before")
			open := b.newClient(kgo.TransactionalID("open"), kgo.TransactionTimeout(time.Minute))
			if err := open.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := open.ProduceSync(t.Context(), &kgo.Record{Topic: "table", Partition: 0, Key: []byte("k"), Value: []byte("open")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			r := newRestored()
			handled := make(chan int32, 10)
			b.start(NewSession(b.config(), SessionOptions{Group: b.group("in"), From: "table", Restore: r.restore, Handle: func(_ context.Context, batch *Batch) error {
				for i := range batch.Records {
					handled <- batch.Records[i].Partition
				}
				return nil
			}}).Run)
			b.put("in", 0, "a")
			b.put("in", 1, "b")
			if p := <-handled; p != 1 {
				t.Errorf("a record of partition %d came first, want 1: 0 is not restored", p)
			}
			select {
			case <-handled:
				t.Error("a record of a partition that is not restored came")
			case <-time.After(time.Second):
			}
			if err := open.EndTransaction(t.Context(), how); err != nil {
				t.Fatal(err)
			}
			if p := <-handled; p != 0 {
				t.Errorf("a record of partition %d came next, want 0", p)
			}
			want := []string{"before", "open"}
			if how == kgo.TryAbort {
				want = want[:1]
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if !slices.Equal(r.values[0], want) || len(r.values[1]) != 0 {
				t.Errorf("restored %v and %v, want %v and nothing", r.values[0], r.values[1], want)
			}
		})
	}
}

// Barriers of earlier owners are not records of the table.
func TestARestorationPassesBarriersOver(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in", "table")
	for range 3 {
		r := newRestored()
		stop := b.start(NewSession(b.config(), SessionOptions{Group: b.group("in"), From: "table", Restore: r.restore, Handle: copyTo("table")}).Run)
		b.eventually("restored", r.owns(2))
		stop()
		if len(r.values[0])+len(r.values[1]) > 0 {
			t.Errorf("restored %v, want nothing", r.values)
		}
	}
}

func TestRecordsBehindTheCommitsArePurged(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in", "out")
	b.put("in", 0, "a", "b", "c")
	b.start(NewSession(b.config(), SessionOptions{Group: b.group("in"), Handle: copyTo("out"), Purge: true}).Run)
	b.eventually("purged", func() bool {
		starts, err := kadm.NewClient(b.client).ListStartOffsets(t.Context(), "in")
		o, _ := starts.Lookup("in", 0)
		return err == nil && o.Offset == 3
	})
	if got := b.committed("out", 3); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("written: %v", got)
	}
}

// Two members share the partitions, and what one gives up the other restores.
func TestAPartitionThatMovesIsRestoredByItsNewOwner(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in", "table")
	b.put("table", 0, "x")
	b.put("table", 1, "y")
	first, second := newRestored(), newRestored()
	options := func(r *restored) SessionOptions {
		return SessionOptions{Group: b.group("in"), From: "table", Restore: r.restore, Handle: copyTo("table"), Dropped: func(ids []int32) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.gone = append(r.gone, ids...)
			for _, id := range ids {
				delete(r.owned, id)
			}
		}}
	}
	stop := b.start(NewSession(b.config(), options(first)).Run)
	b.eventually("the first owns both", first.owns(2))
	b.start(NewSession(b.config(), options(second)).Run)
	b.eventually("each owns one", func() bool { return first.owns(1)() && second.owns(1)() })
	stop()
	b.eventually("the second owns both", second.owns(2))
	if !slices.Equal(second.values[0], []string{"x"}) || !slices.Equal(second.values[1], []string{"y"}) {
		t.Errorf("the second restored %v", second.values)
	}
}

// franz-go joins again under another id, and is given the same partitions: another instance may have had them in between, and what was
// restored may be stale.
func TestASessionThatWasPutOutRestoresAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in", "table")
	r := newRestored()
	hold, held := make(chan struct{}), make(chan struct{}, 10)
	handle := copyTo("table")
	b.start(NewSession(b.config(), SessionOptions{Group: b.group("in"), From: "table", Restore: r.restore, Handle: func(ctx context.Context, batch *Batch) error {
		held <- struct{}{}
		<-hold
		return handle(ctx, batch)
	}}).Run)
	b.eventually("owned", r.owns(2))
	b.put("in", 0, "a")
	<-held // with a transaction under way the group puts it out
	leave := leaveRequest("group", b.cluster.GroupInfo("group").Members[0].MemberID)
	if _, err := leave.RequestWith(t.Context(), b.client); err != nil {
		t.Fatal(err)
	}
	b.put("table", 0, "of another")
	close(hold)
	b.eventually("restored again", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return slices.Equal(r.values[0], []string{"of another"})
	})
	b.eventually("handled again", func() bool { return b.offset("group", "in", 0) == 1 })
}

// What follows of records in a transaction is committed together with the place behind the transaction's marker: a quiet partition has
// no lag. So it is behind a transaction that was aborted, of which nothing is read.
func TestAQuietPartitionIsCommittedUpToItsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t, "in")
	writer := b.newClient(kgo.TransactionalID("writer"))
	write := func(partition int32, how kgo.TransactionEndTry) {
		t.Helper()
		if err := writer.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Partition: partition, Value: []byte("x")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := writer.EndTransaction(t.Context(), how); err != nil {
			t.Fatal(err)
		}
	}
	write(0, kgo.TryCommit)
	write(1, kgo.TryAbort)
	handled := make(chan int, 10)
	b.start(NewSession(b.config(), SessionOptions{Group: b.group("in"), Handle: func(_ context.Context, batch *Batch) error {
		handled <- len(batch.Records)
		return nil
	}}).Run)
	for partition := range int32(2) {
		b.eventually("the end is committed", func() bool { return b.offset("group", "in", partition) == 2 }) // a record and a marker
	}
	if n := <-handled; n != 1 || len(handled) > 0 {
		t.Errorf("%d records were handled, and %d times more; want one, once", n, len(handled))
	}
}
