//go:build !synctests

package owners

import (
	"bufio"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/stage"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

var (
	speedRows    = flag.Int("speed-rows", 0, "measure the three handlers with this number of rows; 0: do not")
	speedDigests = flag.Int("speed-digests", 1, "digests of each of them")
)

const brokerVar = "OWNERS_BROKER"

// TestMain is the broker of the measurement, in a process of its own, where the variable says so.
func TestMain(m *testing.M) {
	if os.Getenv(brokerVar) == "" {
		os.Exit(m.Run())
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		panic(err)
	}
	fmt.Println(c.ListenAddrs()[0])
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // ends with its parent
}

// measured is one instance's three handlers, each alone or all together.
type measured struct {
	*testing.T
	config   kafka.Config
	client   *kgo.Client
	topics   owners.Topics
	asserted atomic.Int64
	rows     atomic.Int64
	told     atomic.Int64
	commits  atomic.Int64
	restored atomic.Int64

	mu   sync.Mutex
	sent map[uint64]time.Time // by number, where latency is measured
	took []time.Duration
}

func newMeasured(t *testing.T, parts int32) *measured {
	broker := exec.CommandContext(t.Context(), os.Args[0])
	broker.Env = append(os.Environ(), brokerVar+"=1")
	in, err := broker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := broker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = broker.Wait() })
	line, _ := bufio.NewReader(out).ReadString('\n')
	m := &measured{T: t, topics: owners.NewTopics("own", parts), sent: map[uint64]time.Time{}}
	m.config = kafka.Config{Brokers: []string{strings.TrimSpace(line)}, ClientID: "own", MaxBatchBytes: 64 << 20, SessionTimeout: settings.Duration(45 * time.Second),
		RebalanceTimeout: settings.Duration(2 * time.Minute), RevokeDrain: settings.Duration(35 * time.Second), FetchMaxBytes: 8 << 20, FetchMaxPartitionBytes: 1 << 20}
	m.client, err = kgo.NewClient(kgo.SeedBrokers(m.config.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(200_000), kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.client.Close)
	adm, compact := kadm.NewClient(m.client), "compact"
	for _, topic := range []string{m.topics.Members, m.topics.Claims} {
		_, err = adm.CreateTopic(t.Context(), parts, 1, map[string]*string{"cleanup.policy": &compact}, topic)
	}
	if err == nil {
		_, err = adm.CreateTopics(t.Context(), parts, 1, nil, m.topics.Rows, "source")
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *measured) fill(n int) {
	for i := range n {
		m.send(uint64(i))
	}
	_ = m.client.Flush(m.Context())
}

func (m *measured) send(n uint64) {
	key := binary.BigEndian.AppendUint64(nil, n)
	m.client.Produce(m.Context(), &kgo.Record{Topic: "source", Partition: int32(n % uint64(m.topics.Parts)), Key: key, Value: key}, func(_ *kgo.Record, err error) {
		if err != nil {
			m.Error(err)
		}
	})
}

// run starts some of the handlers ("arc"); stop ends them.
func (m *measured) run(which string) (stop func()) {
	ctx, cancel := context.WithCancel(m.Context())
	var work sync.WaitGroup
	for _, handler := range which {
		switch handler {
		case 'a':
			work.Go(func() { m.assert(ctx) })
		case 'r':
			work.Go(func() { m.own(ctx) })
		case 'c':
			work.Go(func() { m.tell(ctx) })
		}
	}
	return func() { cancel(); work.Wait() }
}

func (m *measured) group(name, topic string) stage.Group {
	return stage.Group{Name: name, Group: name, Topics: []string{topic}, Trouble: func(err error) {
		if err != nil {
			m.Logf("%s: %v", name, err)
		}
	}}
}

func (m *measured) ended(committed bool) { m.commits.Add(1) }

func (m *measured) assert(ctx context.Context) {
	as := owners.NewAssert(m.topics, "sync", 0)
	hasher, err := identity.ForAudience("EMAIL_SHA256", identity.AudienceOptions{})
	if err != nil {
		m.Fatal(err)
	}
	var clear, set []byte
	stage.NewSession(m.config, stage.SessionOptions{Group: m.group("assert", "source"), Ended: m.ended, Handle: func(_ context.Context, b *stage.Batch) error {
		for i := range b.Records {
			r := &b.Records[i]
			set = set[:0]
			for k := range *speedDigests {
				clear = fmt.Appendf(clear[:0], "p%d.%d@example.com", k, binary.BigEndian.Uint64(r.Key))
				h, err := hasher.Hash(clear)
				if err != nil {
					return err
				}
				set = owners.AddDigest(set, 0, nil, h)
			}
			a := owners.Assertion{Member: true, Digests: set, Source: owners.Source{Topic: []byte(r.Topic), Partition: r.Partition, Offset: r.Offset, Time: int64(binary.BigEndian.Uint64(r.Key))}}
			as.Row(r.Topic, r.Key, &a, b.Write)
		}
		m.asserted.Add(int64(len(b.Records)))
		return nil
	}}).Run(ctx)
}

func (m *measured) own(ctx context.Context) {
	owner := owners.NewRowsOwner(m.topics, func(*owners.Assertion) {})
	stage.NewSession(m.config, stage.SessionOptions{Group: m.group("rows", m.topics.Rows), From: m.topics.Members, Dropped: owner.Dropped,
		Restore: func(partition int32) stage.Restoration {
			r := owner.Restore(partition)
			return stage.Restoration{Own: func(int64) { owner.Own(r) }, Take: func(rec *pipeline.Record) error { m.restored.Add(1); return r.Restore(rec.Key, rec.Value) }}
		},
		Handle: func(_ context.Context, b *stage.Batch) error {
			m.rows.Add(int64(len(b.Records)))
			return owner.Handle(b.Records, b.Write)
		},
		Ended: func(committed bool) { owner.Ended(committed); m.ended(committed) }}).Run(ctx)
}

func (m *measured) tell(ctx context.Context) {
	var claims *owners.Claims
	water, err := stage.NewWatermark(m.config, stage.WatermarkOptions{Group: m.group("claims", m.topics.Claims),
		Restore: func(partition int32, committed int64) stage.Restoration {
			r := claims.Restore(partition, committed)
			return stage.Restoration{Own: func(end int64) { claims.Own(r, end) }, Take: func(rec *pipeline.Record) error { m.restored.Add(1); return r.Take(rec) }}
		},
		Take: func(records []pipeline.Record) error { return claims.Take(records) }, Wait: func(ctx context.Context) error { return claims.Wait(ctx) },
		Revoked: func(ctx context.Context, ids []int32) { claims.Revoked(ctx, ids) }, Lost: func(ids []int32) { claims.Lost(ids) }})
	if err != nil {
		m.Error(err)
		return
	}
	claims = owners.NewClaims(owners.ClaimsOptions{Topics: m.topics, Tell: m.tiktok, Commit: water.Commit, Write: water.Write, Most: 10_000, AtOnce: 8, Backlog: 100_000,
		Every: 100 * time.Millisecond, Session: 45 * time.Second, Longest: 30 * time.Second})
	var work sync.WaitGroup
	work.Go(func() { claims.Run(ctx) })
	water.Run(ctx)
	work.Wait()
	water.Close()
}

// tiktok takes everything, after a moment.
func (m *measured) tiktok(_ context.Context, list []owners.Saying) {
	m.mu.Lock()
	for i := range list {
		list[i].Outcome = owners.Accepted
		if at, ok := m.sent[uint64(list[i].Time)]; ok {
			m.took = append(m.took, time.Since(at))
		}
	}
	m.mu.Unlock()
	time.Sleep(20 * time.Millisecond)
	m.told.Add(int64(len(list)))
}

func processor() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// until waits, and says how long it took and what it cost.
func (m *measured) until(what string, n int, done func() bool) {
	wall, cpu, commits := time.Now(), processor(), m.commits.Load()
	for !done() && time.Since(wall) < 5*time.Minute {
		time.Sleep(5 * time.Millisecond)
	}
	took := time.Since(wall)
	m.Logf("%-40s %8.0f rows/s, %5.2f µs of processor a row, %d transactions", what, float64(n)/took.Seconds(),
		float64((processor()-cpu).Nanoseconds())/float64(n)/1000, m.commits.Load()-commits)
}

// TestSpeed says how fast the handlers are; it holds nothing.
func TestSpeed(t *testing.T) {
	n := *speedRows
	if n == 0 {
		t.Skip("-speed-rows says with how many")
	}
	m := newMeasured(t, 12)
	m.fill(n)
	for _, s := range []struct {
		handler string
		count   *atomic.Int64
		want    int
	}{{"a", &m.asserted, n}, {"r", &m.rows, n}, {"c", &m.told, n * *speedDigests}} {
		stop := m.run(s.handler)
		m.until("handler "+s.handler, n, func() bool { return s.count.Load() >= int64(s.want) })
		stop()
	}
	runtime.GC()
	m.restored.Store(0)
	wall, cpu := time.Now(), processor()
	stop := m.run("rc")
	for m.restored.Load() < int64(n+n**speedDigests) && time.Since(wall) < time.Minute {
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("restored %d records in %v, %v of processor", m.restored.Load(), time.Since(wall).Round(time.Millisecond), (processor() - cpu).Round(time.Millisecond))
	stop()
	all := newMeasured(t, 12)
	all.fill(n)
	stop = all.run("arc")
	all.until("all handlers together", n, func() bool { return all.told.Load() >= int64(n**speedDigests) })
	all.latency()
	stop()
}

// latency is that of single rows, from source to TikTok.
func (m *measured) latency() {
	for i := range 300 {
		n := uint64(1<<40 + i)
		m.mu.Lock()
		m.sent[n] = time.Now()
		m.mu.Unlock()
		m.send(n)
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.took) < 300 {
		m.Errorf("TikTok was told of %d rows, want 300", len(m.took))
		return
	}
	slices.Sort(m.took)
	m.Logf("from source to TikTok: p50 %v, p99 %v, most %v", m.took[len(m.took)/2], m.took[len(m.took)*99/100], m.took[len(m.took)-1])
}
