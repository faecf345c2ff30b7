package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// sharing are instances that share one connection, and the times at which TikTok saw their calls.
type sharing struct {
	t          *testing.T
	limit      int
	partitions []int // by sync
	instances  []*shares

	mu    sync.Mutex
	calls []time.Time
}

func newSharing(t *testing.T, limit, instances int, partitions ...int) *sharing {
	s := &sharing{t: t, limit: limit, partitions: partitions}
	c := &Config{Connections: map[string]tiktok.Config{"main": settings.WithDefaults(tiktok.Config{AdvertiserID: "7", AccessToken: "t"})}}
	main := c.Connections["main"]
	main.Limits.Advertiser, main.CallsInFlight = float64(limit), 8
	c.Connections["main"] = main
	for i := range partitions {
		c.Syncs = append(c.Syncs, Sync{Name: fmt.Sprint("sync", i), WebEvents: &events.Config{}})
	}
	for range instances {
		w := &Wiring{Config: c, Metrics: metrics.New(), connections: map[string]*connection{}}
		var err error
		if w.connections["main"], err = w.connection("main", main); err != nil {
			t.Fatal(err)
		}
		one := newShares(w)
		for i, n := range partitions {
			one.all[fmt.Sprint("sync", i)] = n
		}
		s.instances = append(s.instances, one)
	}
	return s
}

// work has an instance send as much as it may for a sync, until the returned function is called.
func (s *sharing) work(gate *delivery.Gate, least float64) (stop func()) {
	q := delivery.New(delivery.Config{MaxItems: 1, MaxBytes: 1000, Retry: settings.WithDefaults(delivery.Retry{})}, delivery.Deps{
		Sync: "s", Endpoint: events.Endpoint, Gate: gate, Least: least,
		AppendRequest: func(dst []byte, _ string, _ [][]byte) []byte { return dst },
		Post: func(context.Context, []byte) pipeline.Answer {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.calls = append(s.calls, time.Now())
			return pipeline.Answer{Verdict: pipeline.Accepted}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var working sync.WaitGroup
	working.Go(func() { _ = q.Run(ctx) })
	working.Go(func() {
		for ctx.Err() == nil {
			const rows = 100
			items := &pipeline.Items{}
			envelope := items.EnvelopeIndex([]byte("web"))
			for i := range int32(rows) {
				items.List = append(items.List, pipeline.Item{Row: i, Envelope: envelope})
			}
			_ = q.Deliver(ctx, pipeline.NewChunk(make([]pipeline.Record, rows)), items) // ends with ctx
		}
	})
	return func() { cancel(); working.Wait() }
}

// assign gives every partition to an instance, lets all of them send for a time, and gives what each of them held.
func (s *sharing) assign(to func(sync, partition int) int, d time.Duration) (held []int) {
	held = make([]int, len(s.instances))
	reads := map[[2]int]int{} // partitions, by instance and sync
	for sync, n := range s.partitions {
		for p := range n {
			reads[[2]int{to(sync, p), sync}]++
		}
	}
	var ends []func()
	for i, one := range s.instances {
		for sync := range s.partitions {
			here := reads[[2]int{i, sync}]
			held[i] += here
			one.assigned(fmt.Sprint("sync", sync), here)
			if here > 0 {
				ends = append(ends, s.work(one.wiring.connections["main"].gate, 0))
			}
		}
		one.set()
	}
	s.mu.Lock()
	s.calls = nil
	s.mu.Unlock()
	<-time.After(d)
	for _, end := range ends {
		end()
	}
	return held
}

// busiest is the most calls of any second, wherever it begins.
func (s *sharing) busiest() (most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, first := range s.calls {
		end := first.Add(time.Second)
		most = max(most, sort.Search(len(s.calls), func(k int) bool { return !s.calls[k].Before(end) })-i)
	}
	return most
}

func (s *sharing) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// TestInstancesTogetherKeepToTheLimitOfTheirConnection: whatever instance reads whatever partitions. TikTok's side knows the
// limit alone. An instance whose part is less than one call a second makes one now and then all the same, which may come into
// the same second as the others' calls: that is all there may be above the limit.
func TestInstancesTogetherKeepToTheLimitOfTheirConnection(t *testing.T) {
	const seconds = 30
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	for _, limit := range []int{5, 10, 17, 100} {
		synctest.Test(t, func(t *testing.T) {
			s := newSharing(t, limit, 4, 1+r.IntN(6), 1+r.IntN(6), 1+r.IntN(6), 1)
			all := 0
			for _, n := range s.partitions {
				all += n
			}
			for range 6 {
				held := s.assign(func(int, int) int { return r.IntN(4) }, seconds*time.Second)
				small := 0
				for _, n := range held {
					if n > 0 && limit*n < all {
						small++
					}
				}
				if got := s.busiest(); got > limit+small {
					t.Errorf("limit %d, partitions read %v of %d: %d calls in a second, want at most %d", limit, held, all, got, limit+small)
				}
				if got := s.count(); got > limit*seconds {
					t.Errorf("limit %d, partitions read %v of %d: %d calls in %ds", limit, held, all, got, seconds)
				}
			}
		})
	}
}

func TestAnInstanceThatReadsEverythingHasAllOfTheLimit(t *testing.T) {
	for _, limit := range []int{5, 10, 100} {
		synctest.Test(t, func(t *testing.T) {
			s := newSharing(t, limit, 4, 3, 2, 1, 6)
			s.assign(func(int, int) int { return 2 }, 20*time.Second)
			if got := s.count(); got < 17*limit || got > 20*limit {
				t.Errorf("limit %d: %d calls in 20s, want nearly all of them", limit, got)
			}
			if got := s.busiest(); got > limit {
				t.Errorf("limit %d: %d calls in a second", limit, got)
			}
		})
	}
}

// TestAReplayFitsBesideInstancesThatUseAllOfTheLimit: one of the page goes through its instance's gate, one of the command
// through a gate of its own.
func TestAReplayFitsBesideInstancesThatUseAllOfTheLimit(t *testing.T) {
	for _, where := range []string{"page of a busy instance", "page of an idle instance", "command"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const limit, seconds = 20, 60
				s := newSharing(t, limit, 3, 4, 4)
				gate := s.instances[1].wiring.connections["main"].gate
				switch where {
				case "page of an idle instance":
					gate = s.instances[2].wiring.connections["main"].gate
				case "command":
					own, err := (&Wiring{}).connection("main", s.instances[0].wiring.Config.Connections["main"])
					if err != nil {
						t.Fatal(err)
					}
					gate = own.gate
					gate.SetShares(map[string]float64{}) // instances read all partitions
				}
				stop := s.work(gate, ReplayLeast)
				defer stop()
				s.assign(func(_, p int) int { return p % 2 }, seconds*time.Second)
				if got := s.count(); got > limit*seconds || got < limit*seconds*8/10 {
					t.Errorf("got %d calls in %ds, want nearly the %d a second that are allowed", got, seconds, limit)
				}
				if got := s.busiest(); got > limit+limit/10 {
					t.Errorf("got %d calls in a second, want at most the limit of %d and the replay's tenth", got, limit)
				}
			})
		})
	}
}

func TestNothingIsSharedBeforePartitionsAreKnown(t *testing.T) {
	s := newSharing(t, 10, 1, 4, 4)
	one := s.instances[0]
	clear(one.all)
	if got := one.of("main")[""]; got != 0 {
		t.Errorf("nothing known: got a share of %v, want none", got)
	}
	one.held["sync0"] = 2
	one.all["sync1"] = 4
	if got, want := one.of("main")[""], 2.0/6; got != want {
		t.Errorf("one sync's partitions are not known: got a share of %v, want %v", got, want)
	}
}

// TestAReplayTakesWhatNoInstanceReads asks a broker: nobody reads at first, then one member reads everything.
func TestAReplayTakesWhatNoInstanceReads(t *testing.T) {
	cluster, d, _ := greedyDaemon(t, "shop.orders")
	defer d.Wiring.Close()
	o := Options{Replay: true}
	w, err := Wire(d.Wiring.Config, o)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	share := func() float64 {
		w.shares.count(t.Context())
		w.shares.mu.Lock()
		defer w.shares.mu.Unlock()
		return w.shares.of("main")[events.Endpoint]
	}
	if got := share(); got != 1 {
		t.Errorf("nobody reads: got a share of %v, want all", got)
	}
	member, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumerGroup("shop.orders"), kgo.ConsumeTopics("shop.orders"))
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	go member.PollFetches(t.Context())
	await(t, "the share that is left", func() bool { return share() == 0 })
}
