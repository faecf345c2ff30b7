package delivery

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// times are the moments of the calls, from the first one on.
func (w *world) times() (list []time.Duration) {
	calls := w.sent()
	for _, c := range calls {
		list = append(list, c.at.Sub(calls[0].at))
	}
	return list
}

// script answers the calls in order; the last answer stays.
func script(answers ...pipeline.Answer) func(sent) pipeline.Answer {
	return func(c sent) pipeline.Answer { return answers[min(c.rank, len(answers)-1)] }
}

func repeat(a pipeline.Answer, n int, then ...pipeline.Answer) []pipeline.Answer {
	return append(slices.Repeat([]pipeline.Answer{a}, n), then...)
}

func (w *world) wantTimes(want ...time.Duration) {
	w.Helper()
	if got := w.times(); !slices.Equal(got, want) {
		w.Errorf("calls at: got %v, want %v", got, want)
	}
}

func (w *world) wantTroubles(want ...pipeline.TroubleKind) {
	w.Helper()
	var got []pipeline.TroubleKind
	for _, t := range w.status.Troubles(w.queue.deps.Sync) {
		got = append(got, t.Kind)
	}
	if !slices.Equal(got, want) {
		w.Errorf("troubles: got %v, want %v", got, want)
	}
}

func TestThrottlingHoldsForOneTwoFourSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, script(repeat(tooOften, 4, yes)...))
		go w.deliver(10)
		synctest.Wait()
		w.wantTroubles(pipeline.TroubleThrottled)
		elapse(time.Minute)
		w.wantTimes(0, 1*time.Second, 3*time.Second, 7*time.Second, 15*time.Second)
		w.wantTroubles()
	})
}

func TestAMinuteOfNothingButThrottlingHoldsForFiveAndInTheEndUntilMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the bubble's clock starts at midnight UTC
		w := newWorld(t, options{}, func(c sent) pipeline.Answer {
			if c.at.UTC().Day() > 1 {
				return yes
			}
			return tooOften
		})
		began := time.Now()
		w.deliver(10)
		seconds := []time.Duration{0, 1, 3, 7, 15, 31, 63}
		var want []time.Duration
		for _, s := range seconds {
			want = append(want, s*time.Second)
		}
		for range longHolds {
			want = append(want, want[len(want)-1]+5*time.Minute)
		}
		for next := want[len(want)-1] + time.Hour; next < 24*time.Hour; next += time.Hour {
			want = append(want, next)
		}
		want = append(want, 24*time.Hour)
		w.wantTimes(want...)
		if got := time.Since(began); got != 24*time.Hour {
			t.Errorf("delivered after %v, want at midnight", got)
		}
	})
}

func TestAShortBurstOfThrottlingNeverHoldsForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{Config: Config{MaxItems: 1}}, func(c sent) pipeline.Answer {
			if c.rank%2 == 0 { // throttled over and over, but not only
				return tooOften
			}
			return yes
		})
		began := time.Now()
		w.deliver(100)
		if got, limit := time.Since(began), 2*time.Minute; got > limit {
			t.Errorf("100 calls, each throttled once: got %v, want at most %v", got, limit)
		}
	})
}

func TestThrottlingHoldsWhatItsScopeSays(t *testing.T) {
	cases := []struct {
		scope pipeline.Scope
		want  map[string]bool // whether the other pixel, endpoint is held
	}{
		{pipeline.ScopeField, map[string]bool{"/event/track/ b": false, "/segment/mapping/ a": false}},
		{pipeline.ScopeEndpoint, map[string]bool{"/event/track/ b": true, "/segment/mapping/ a": false}},
		{pipeline.ScopeApp, map[string]bool{"/event/track/ b": true, "/segment/mapping/ a": true}},
		{pipeline.ScopeAdvertiser, map[string]bool{"/event/track/ b": true, "/segment/mapping/ a": true}},
	}
	for _, c := range cases {
		t.Run(string(c.scope), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := NewGate(GateConfig{CallsInFlight: 8})
				first := tooOften
				first.Scope = c.scope
				events := newWorld(t, options{gate: gate, name: "events"}, script(first, yes))
				segment := newWorld(t, options{gate: gate, name: "segment", path: "/segment/mapping/"}, script(yes))
				var held sync.WaitGroup
				defer held.Wait()
				held.Go(func() { events.must(events.chunkOf(1, "a")) })
				synctest.Wait()
				for other, want := range c.want {
					w := segment
					if strings.HasPrefix(other, "/event") {
						w = events
					}
					held.Go(func() {
						began := time.Now()
						w.must(w.chunkOf(1, other[len(other)-1:]))
						if got := time.Since(began) > 0; got != want {
							t.Errorf("%s: held %v, want %v", other, got, want)
						}
					})
				}
			})
		})
	}
}

func TestAnOutagePausesTheSyncAndProbesWithOneItem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := newWorld(t, options{}, func(c sent) pipeline.Answer {
			if c.at.Sub(began) < time.Hour {
				return away
			}
			return yes
		})
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { w.wantOutcomes(w.deliver(2000), "2000 delivered, 0 dead-lettered, 0 unsettled") })
		}
		elapse(time.Minute)
		w.wantTroubles(pipeline.TroubleTikTok)
		before := len(w.sent())
		elapse(30 * time.Minute)
		probes := w.sent()[before:]
		if len(probes) < 180 || len(probes) > 300 {
			t.Errorf("probes in half an hour: got %d, want one in eight seconds or so", len(probes))
		}
		for _, p := range probes {
			if len(p.ids) != 1 {
				t.Errorf("probe of %d items, want 1", len(p.ids))
			}
		}
		all.Wait()
		w.wantTroubles()
		if got := w.dead.reasons(); len(got) > 0 {
			t.Errorf("dead letters of an outage: %v", got)
		}
		if took := time.Since(began); took > time.Hour+2*time.Minute {
			t.Errorf("everything delivered after %v, want soon after the hour", took)
		}
	})
}

func TestOnlyABatchThatFailsWhileOthersWorkIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{Config: Config{MaxItems: 100}}, func(c sent) pipeline.Answer {
			if slices.Contains(c.ids, "42") {
				return away
			}
			return yes
		})
		c := w.deliverAmongOthers(100)
		w.wantOutcomes(c, "99 delivered, 1 dead-lettered, 0 unsettled")
		if got, want := w.dead.reasons(), []string{"42 gave_up"}; !slices.Equal(got, want) {
			t.Errorf("dead letters: got %v, want %v", got, want)
		}
		if len(w.dead.batches) != 1 || w.dead.batches[0].Reason != pipeline.GaveUp || len(w.dead.batches[0].Rows) != 1 {
			t.Errorf("failed batches: got %+v, want one with the row", w.dead.batches)
		}
		w.wantTroubles()
	})
}

// deliverAmongOthers hands n rows over while other traffic shows that the endpoint works.
func (w *world) deliverAmongOthers(n int) *pipeline.Chunk {
	w.Helper()
	stop := make(chan struct{})
	var others sync.WaitGroup
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				w.deliverRows(1000, 1)
			}
		}
	})
	c := w.deliver(n)
	close(stop)
	others.Wait()
	return c
}

// Two calls that fail divide a suspect batch; a row alone has all its attempts. The model once dead-lettered a good row that a
// flaky TikTok had failed half as often.
func TestARowThatFailedWithOthersHasAllItsAttemptsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone := 0
		w := newWorld(t, options{Config: Config{MaxItems: 100}}, func(c sent) pipeline.Answer {
			if !slices.Contains(c.ids, "42") {
				return yes
			}
			if len(c.ids) == 1 {
				alone++
			}
			if alone < 10 {
				return away
			}
			return yes
		})
		w.wantOutcomes(w.deliverAmongOthers(100), "100 delivered, 0 dead-lettered, 0 unsettled")
	})
}

// deliverRows hands over n rows whose numbers begin far above the others'.
func (w *world) deliverRows(above int64, n int) {
	w.mu.Lock()
	if w.next < above {
		w.next = above
	}
	w.mu.Unlock()
	w.deliver(n)
}

func TestAPoisonRowNarrowsDownByItselfInAQuietSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, func(c sent) pipeline.Answer {
			if slices.Contains(c.ids, "42") {
				return away
			}
			return yes
		})
		c, items := w.chunk(100)
		done := make(chan struct{})
		go func() { w.must(c, items); close(done) }()
		elapse(2 * time.Hour) // nothing else is delivered: nobody knows whether the row or TikTok is to blame
		w.wantOutcomes(c, "99 delivered, 0 dead-lettered, 1 unsettled")
		for range 100 {
			w.deliverRows(1000, 1)
			elapse(time.Minute)
		}
		<-done
		w.wantOutcomes(c, "99 delivered, 1 dead-lettered, 0 unsettled")
	})
}

func TestGiveUpAfterEndsTheWaitingDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{Config: Config{Retry: Retry{GiveUpAfter: 3600 * 1e9}}}, script(away))
		began := time.Now()
		w.wantOutcomes(w.deliver(3), "0 delivered, 3 dead-lettered, 0 unsettled")
		if got := time.Since(began); got < time.Hour || got > 2*time.Hour {
			t.Errorf("given up after %v, want about an hour", got)
		}
	})
}

func TestARefusedTokenStopsTheConnectionUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := NewGate(GateConfig{CallsInFlight: 8})
		began := time.Now()
		post := func(c sent) pipeline.Answer {
			if c.at.Sub(began) < time.Hour {
				return denied
			}
			return yes
		}
		one := newWorld(t, options{gate: gate, name: "one"}, post)
		two := newWorld(t, options{gate: gate, name: "two"}, post)
		var all sync.WaitGroup
		all.Go(func() { one.deliver(5) })
		synctest.Wait()
		all.Go(func() { two.deliver(5) })
		elapse(10 * time.Minute)
		for _, w := range []*world{one, two} {
			w.wantTroubles(pipeline.TroubleToken)
			if !w.status.Troubles(w.queue.deps.Sync)[0].Stop {
				t.Error("trouble with the token: got Stop false, want true")
			}
		}
		calls := len(one.sent()) + len(two.sent())
		elapse(30 * time.Minute)
		if got := len(one.sent()) + len(two.sent()) - calls; got != 225 {
			t.Errorf("calls in half an hour: got %d, want one in 8 s", got)
		}
		all.Wait()
		if got := time.Since(began); got > time.Hour+30*time.Second {
			t.Errorf("went on after %v, want within 30 s of the hour", got)
		}
		one.wantTroubles()
		two.wantTroubles()
	})
}

func TestANewTokenIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var works atomic.Bool
		w := newWorld(t, options{}, func(sent) pipeline.Answer {
			if works.Load() {
				return yes
			}
			return denied
		})
		done := make(chan time.Time, 1)
		go func() { w.deliver(1); done <- time.Now() }()
		elapse(10*time.Minute + time.Second)
		works.Store(true)
		now := time.Now()
		w.gate.TryNow()
		if at := <-done; !at.Equal(now) {
			t.Errorf("delivered %v after the token changed, want at once", at.Sub(now))
		}
	})
}

func TestARefusedPermissionOrAWrongPathStopsItsSyncOnly(t *testing.T) {
	permission := denied
	permission.Scope, permission.Code = pipeline.ScopeField, 40001
	for name, a := range map[string]pipeline.Answer{"permission": permission, "path": broken} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate := NewGate(GateConfig{CallsInFlight: 8})
				one := newWorld(t, options{gate: gate, name: "one"}, script(repeat(a, 5, yes)...))
				two := newWorld(t, options{gate: gate, name: "two"}, script(yes))
				c, items := one.chunk(5)
				done := make(chan struct{})
				go func() { one.must(c, items); close(done) }()
				synctest.Wait()
				two.must(two.chunkOf(5, "another pixel"))
				two.wantTroubles()
				if got := one.status.Troubles("one"); len(got) != 1 || !got[0].Stop {
					t.Errorf("troubles: got %v, want one that stops the sync", got)
				}
				<-done
				one.wantOutcomes(c, "5 delivered, 0 dead-lettered, 0 unsettled")
				one.wantTroubles()
			})
		})
	}
}

func TestLimitsAreKeptInEverySecond(t *testing.T) {
	cases := []struct {
		name  string
		gate  GateConfig
		share float64
		most  int
	}{
		{"endpoint", GateConfig{CallsInFlight: 8, Endpoints: map[string]float64{"/event/track/": 10}}, 1, 10},
		{"any other endpoint", GateConfig{CallsInFlight: 8, Endpoints: map[string]float64{"": 25}}, 1, 25},
		{"pixel", GateConfig{CallsInFlight: 8, Field: 4}, 1, 4},
		{"advertiser", GateConfig{CallsInFlight: 8, Advertiser: 7}, 1, 7},
		{"a quarter of the partitions", GateConfig{CallsInFlight: 8, Advertiser: 40}, 0.25, 10},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, options{gate: NewGate(c.gate), Config: Config{MaxItems: 1}}, script(yes))
				w.gate.SetShares(map[string]float64{"": c.share, "/event/track/": c.share})
				w.deliver(20 * c.most)
				calls := w.sent()
				for i, first := range calls {
					n := slices.IndexFunc(calls[i:], func(other sent) bool { return other.at.Sub(first.at) >= time.Second })
					if n > c.most {
						t.Fatalf("calls in the second from %v: got %d, want at most %d", first.at.Sub(calls[0].at), n, c.most)
					}
				}
				if took := calls[len(calls)-1].at.Sub(calls[0].at); took > 24*time.Second {
					t.Errorf("20 seconds' worth of calls took %v", took)
				}
			})
		})
	}
}

func TestADeliveryCanLeaveDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, script(away))
		go func() {
			c, items := w.chunk(3)
			if err := w.queue.Deliver(context.Background(), c, items); !errors.Is(err, errEnded) {
				t.Errorf("Deliver: got %v, want %v", err, errEnded)
			}
		}()
		elapse(10 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		c, items := w.chunk(1000)
		began := time.Now()
		if err := w.queue.Deliver(ctx, c, items); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Deliver: got %v, want %v", err, context.DeadlineExceeded)
		}
		if got := time.Since(began); got > time.Minute {
			t.Errorf("left after %v, want with the context", got)
		}
		w.queue.mu.Lock()
		if w.queue.waiting != 0 || len(w.queue.queues) != 0 {
			t.Errorf("waiting: got %d in %d queues, want nothing", w.queue.waiting, len(w.queue.queues))
		}
		w.queue.mu.Unlock()
	})
}

// slowLog is a log that takes until it is released.
type slowLog struct {
	began   chan struct{}
	release chan struct{}
}

func (l *slowLog) Write(p []byte) (int, error) {
	l.began <- struct{}{}
	<-l.release
	return len(p), nil
}

// TestNoCallWaitsForALogLine: one sync's trouble is being logged, by a log that hangs; another sync's calls go on.
func TestNoCallWaitsForALogLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := NewGate(GateConfig{CallsInFlight: 8})
		one := newWorld(t, options{gate: gate, name: "one"}, script(broken, yes))
		two := newWorld(t, options{gate: gate, name: "two", path: "/segment/mapping/"}, script(yes))
		log := &slowLog{make(chan struct{}, 10), make(chan struct{})}
		one.status.LogTo(slog.New(slog.NewTextHandler(log, nil)))
		done := make(chan struct{})
		go func() { one.deliver(1); close(done) }()
		<-log.began
		began := time.Now()
		two.deliver(5)
		if got := time.Since(began); got > time.Second {
			t.Errorf("delivered after %v, want at once", got)
		}
		close(log.release)
		<-done
		one.wantTroubles()
	})
}
