//go:build synctests

package owners

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

const (
	rowsGroup   = "rows"
	claimsGroup = "claims"
)

// source is a sync: a table, its log, and where the log is read from.
type source struct {
	name, topic string
	parts       int32
	epoch       atomic.Pointer[epoch]
	table       map[int]person // what counts: rejected rows are left out until they are replayed
	rows        map[int]person // what the table says
	counted     map[int]int    // when a row counted last
	letters     []letter
}

// epoch is a resync of a sync: its number, and where the source ended when it began. Partitions that were empty are left out.
type epoch struct {
	number int64
	ends   []owners.End
}

func (s *source) group() string { return "assert." + s.name }

// person is a row: whether it is a member, and its addresses.
type person struct {
	member    bool
	addresses []byte
}

// letter is a dead letter, and what it says once it is mended.
type letter struct {
	id     int
	part   int32
	offset int64
	at     int
	good   person
}

type world struct {
	*testing.T
	rand    *rand.Rand
	logs    *virtual.Logs
	net     kfake.VirtualNetwork
	broker  *kfake.Cluster
	client  *kgo.Client
	adm     *kadm.Client
	tiktok  *tiktok
	topics  owners.Topics
	sources []*source
	all     []*instance
	live    []*instance
	most    int // instances at a time
	resyncs bool
	clock   int // counts what happens to rows
	ids     int
	stalls  int
	stopped chan struct{}
	began   time.Time
	acts    atomic.Int64

	mu     sync.Mutex // of what instances use
	naps   *rand.Rand
	often  int // of 100 places where a process may freeze
	story  []string
	killed map[string]time.Time
}

func newWorld(t *testing.T, r *rand.Rand, logs *virtual.Logs) *world {
	seed := r.Uint64()
	w := &world{T: t, rand: r, logs: logs, topics: owners.NewTopics("own", 1+r.Int32N(4)), tiktok: newTikTok(seed, longest), most: 1 + r.IntN(3),
		naps: rand.New(rand.NewPCG(seed, 77)), often: r.IntN(3) * r.IntN(8), killed: map[string]time.Time{}, stopped: make(chan struct{}), began: time.Now()}
	var err error
	// Not virtual.NewBroker: with Produce that old, transactions have another form. Nothing here writes zstd.
	w.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(virtual.Port), kfake.ListenFn(w.net.Listen), kfake.GroupMinSessionTimeout(100*time.Millisecond), kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		t.Fatal(err)
	}
	if w.client, err = virtual.NewClient(&w.net, w.broker, kgo.ProducerLinger(0)); err != nil {
		t.Fatal(err)
	}
	w.adm = kadm.NewClient(w.client)
	w.makeTopics()
	for n := range 3 {
		w.tiktok.poison[digestOf(byte(4*n))] = true
	}
	go w.evict()
	return w
}

func (w *world) makeTopics() {
	compacted := map[string]string{"cleanup.policy": "compact", "delete.retention.ms": "0", "log.cleaner.backoff.ms": "-1"}
	for _, topic := range []string{w.topics.Members, w.topics.Claims} {
		w.must(w.broker.CreateTopic(topic, w.topics.Parts, compacted))
	}
	w.must(w.broker.CreateTopic(w.topics.Rows, w.topics.Parts, nil))
	w.resyncs = w.rand.IntN(3) == 0
	for i := range 1 + w.rand.IntN(2) {
		s := &source{name: "sync" + strconv.Itoa(i), topic: "source" + strconv.Itoa(i), parts: 3, table: map[int]person{}, rows: map[int]person{}, counted: map[int]int{}}
		s.epoch.Store(&epoch{})
		w.must(w.broker.CreateTopic(s.topic, s.parts, nil))
		w.sources = append(w.sources, s)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// address is that of a numbered person, and digestOf its digest.
func address(n byte) string { return fmt.Sprintf("p%d@example.com", n) }

func digestOf(n byte) string {
	sum := sha256.Sum256([]byte(address(n)))
	return hex.EncodeToString(sum[:])
}

func (w *world) nextName() string { return "i" + strconv.Itoa(len(w.all)) }

// note keeps what happened, for a test that fails.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.story = append(w.story, fmt.Sprintf("%9s ", time.Since(w.began).Round(time.Millisecond))+fmt.Sprintf(format, args...))
}

func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.story, "\n")
}

func (w *world) log(name string) *slog.Logger {
	return slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelInfo})).With("instance", name)
}

// nap says for how long the process that asks freezes now.
func (w *world) nap() (time.Duration, bool) {
	w.tiktok.mu.Lock()
	hostile := w.tiktok.hostile
	w.tiktok.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.naps.Int64N(int64(4 * session))), w.naps.IntN(100) < w.often && hostile
}

// letter is a dead letter of a digest that TikTok refuses.
func (w *world) letter(s *owners.Saying) {
	w.tiktok.mu.Lock()
	defer w.tiktok.mu.Unlock()
	w.tiktok.refused[hex.EncodeToString(s.Digest)] = true
	if s.Source.Topic == "" {
		w.Errorf("a dead letter without the coordinates of a row")
	}
}

func (w *world) kill(in *instance) {
	in.gate.kill()
	in.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killed[in.name] = time.Now()
}

// evict does what a real broker does and kfake does not: a member that ended while it was joining is out of its group after its session.
func (w *world) evict() {
	groups := []string{rowsGroup, claimsGroup}
	for _, s := range w.sources {
		groups = append(groups, s.group())
	}
	for {
		select {
		case <-w.stopped:
			return
		case <-time.After(2 * time.Second):
		}
		for _, group := range groups {
			w.evictFrom(group)
		}
	}
}

func (w *world) evictFrom(group string) {
	info := w.broker.GroupInfo(group)
	if info == nil {
		return
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = group
	for _, m := range info.Members {
		if w.isLongDead(m.ClientID) {
			member := kmsg.NewLeaveGroupRequestMember()
			member.MemberID = m.MemberID
			leave.Members = append(leave.Members, member)
		}
	}
	if len(leave.Members) > 0 {
		_, _ = leave.RequestWith(context.Background(), w.client)
	}
}

func (w *world) isLongDead(client string) bool {
	name := strings.Split(strings.TrimPrefix(client, "own-"), "-")[0]
	w.mu.Lock()
	defer w.mu.Unlock()
	at, dead := w.killed[name]
	return dead && time.Since(at) > session+time.Second
}

// end closes what the world is made of. Goroutines that are left over fail the test: virtual time waits for all.
func (w *world) end() {
	close(w.stopped)
	for _, in := range w.all {
		in.gate.thaw()
		in.gate.kill()
		in.cancel()
	}
	for _, in := range w.all {
		in.work.Wait()
	}
	w.client.Close()
	w.broker.Close()
	time.Sleep(time.Minute) // calls under way
}
