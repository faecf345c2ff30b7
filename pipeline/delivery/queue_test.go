package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// after answers yes after a while.
func after(d time.Duration) func(sent) pipeline.Answer {
	return func(sent) pipeline.Answer {
		elapse(d)
		return yes
	}
}

// sizes are the numbers of items per call.
func (w *world) sizes() (list []int) {
	for _, c := range w.sent() {
		list = append(list, len(c.ids))
	}
	return list
}

func TestWhatComesWhileNothingIsInFlightGoesOutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, after(100*time.Millisecond))
		began := time.Now()
		for range 3 {
			w.wantOutcomes(w.deliver(1), "1 delivered, 0 dead-lettered, 0 unsettled")
		}
		if got, want := time.Since(began), 300*time.Millisecond; got != want {
			t.Errorf("three rows one after the other: got %v, want %v", got, want)
		}
	})
}

func TestCallsFillWhileOthersAreInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{gate: NewGate(GateConfig{CallsInFlight: 2})}, after(time.Second))
		var all sync.WaitGroup
		for range 42 { // over chunks: two calls leave at once, the rest waits for them
			all.Go(func() { w.deliver(100) })
			synctest.Wait()
		}
		all.Wait()
		if got, want := w.sizes(), []int{100, 100, 1000, 1000, 1000, 1000}; !slices.Equal(got, want) {
			t.Errorf("items per call: got %v, want %v", got, want)
		}
	})
}

func TestACallHoldsItemsOfOneEnvelopeAndNoMoreBytesThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{Config: Config{MaxBytes: requestFrame + 60}}, after(time.Second))
		c, items := w.chunkOf(10, "a")
		for i := range items.List {
			if i%2 == 1 {
				items.List[i].Envelope = items.EnvelopeIndex([]byte("b"))
			}
		}
		items.Buf = slices.Concat(items.Buf, []byte(strings.Repeat("x", 100)))
		items.List[9].End = int32(len(items.Buf)) // larger than a call: goes alone
		w.must(c, items)
		for _, call := range w.sent() {
			if size := len(strings.Join(call.ids, ",")); size > 60 && len(call.ids) > 1 {
				t.Errorf("call of %d items has %d bytes, want at most 60", len(call.ids), size)
			}
		}
		w.wantOutcomes(c, "10 delivered, 0 dead-lettered, 0 unsettled")
		if got, want := len(w.sent()), 3; got != want {
			t.Errorf("calls: got %d, want %d: a, b, and the large one", got, want)
		}
	})
}

func TestLingerHoldsAnItemForMoreToShareItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{Config: Config{MaxItems: 5, Linger: time.Second}}, after(0))
		var all sync.WaitGroup
		for range 4 { // fewer than a call takes: they wait from the first one on
			all.Go(func() { w.deliver(1) })
			elapse(100 * time.Millisecond)
		}
		began := time.Now()
		all.Wait()
		if got, want := time.Since(began), 600*time.Millisecond; got != want {
			t.Errorf("linger: got %v more, want %v", got, want)
		}
		began = time.Now()
		w.deliver(5) // as many as a call takes: no reason to wait
		if got := time.Since(began); got != 0 {
			t.Errorf("a full call waited %v", got)
		}
		if got, want := w.sizes(), []int{4, 5}; !slices.Equal(got, want) {
			t.Errorf("items per call: got %v, want %v", got, want)
		}
	})
}

// Rows that are large fill the memory of those that are read before they fill a call.
func TestNothingLingersWhereNothingMoreCanCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{Config: Config{MaxItems: 5, Linger: time.Second}}, after(0))
		began := time.Now()
		var all sync.WaitGroup
		all.Go(func() { w.deliver(1) })
		elapse(100 * time.Millisecond)
		w.queue.Starve(true)
		all.Wait()
		if got, want := time.Since(began), 100*time.Millisecond; got != want {
			t.Errorf("waited %v, want %v", got, want)
		}
		w.queue.Starve(false)
		began = time.Now()
		w.deliver(1)
		if got, want := time.Since(began), time.Second; got != want {
			t.Errorf("once more can come: waited %v, want %v", got, want)
		}
	})
}

func TestDeliverBlocksWhileTooMuchIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		w := newWorld(t, options{Config: Config{MaxItems: 10, Capacity: 25}, gate: NewGate(GateConfig{CallsInFlight: 1})}, func(sent) pipeline.Answer {
			<-free
			return yes
		})
		returned := 0
		var mu sync.Mutex
		for range 5 {
			go func() {
				w.deliver(10)
				mu.Lock()
				returned++
				mu.Unlock()
			}()
			synctest.Wait()
		}
		w.queue.mu.Lock()
		if got, want := w.queue.waiting, 10; got != want {
			t.Errorf("items waiting beside the call in flight: got %d, want %d", got, want)
		}
		w.queue.mu.Unlock()
		close(free)
		synctest.Wait()
		if returned != 5 {
			t.Errorf("deliveries that ended: got %d, want 5", returned)
		}
	})
}

func TestSyncsOfAConnectionTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		post := func(c sent) pipeline.Answer {
			mu.Lock()
			order = append(order, c.envelope)
			mu.Unlock()
			elapse(time.Second)
			return yes
		}
		gate := NewGate(GateConfig{CallsInFlight: 1})
		one := newWorld(t, options{gate: gate, name: "one", Config: Config{MaxItems: 10}}, post)
		two := newWorld(t, options{gate: gate, name: "two", Config: Config{MaxItems: 10}}, post)
		var all sync.WaitGroup
		for _, w := range []*world{one, two} {
			c, items := w.chunkOf(50, w.queue.deps.Sync)
			all.Go(func() { w.must(c, items) })
			synctest.Wait()
		}
		all.Wait()
		want := []string{"one", "two", "one", "two", "one", "two", "one", "two", "one", "two"}
		if !slices.Equal(order, want) {
			t.Errorf("order of calls: got %v, want %v", order, want)
		}
	})
}

func TestARowWithSeveralItemsSettlesOnceWithTheLastOfThem(t *testing.T) {
	cases := []struct {
		name string
		bad  []string
		want string
		dead []string
	}{
		{"all accepted", nil, "2 delivered, 0 dead-lettered, 0 unsettled", nil},
		{"one of them refused", []string{"0b"}, "1 delivered, 1 dead-lettered, 0 unsettled", []string{"0 refused_by_tiktok"}},
		{"all of them refused", []string{"0a", "0b", "0c"}, "1 delivered, 1 dead-lettered, 0 unsettled", []string{"0 refused_by_tiktok"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, options{Config: Config{MaxItems: 1}}, refusing(c.bad...))
				chunk := pipeline.NewChunk([]pipeline.Record{{Offset: 0}, {Offset: 1}})
				items := &pipeline.Items{}
				for _, id := range []string{"0a", "0b", "0c", "1a"} {
					add(items, int32(id[0]-'0'), id, "web") // a call each
				}
				w.must(chunk, items)
				w.wantOutcomes(chunk, c.want)
				if got := w.dead.reasons(); !slices.Equal(got, c.dead) {
					t.Errorf("dead letters: got %v, want %v", got, c.dead)
				}
			})
		})
	}
}

func TestRowsAlreadySettledAreNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, after(0))
		c, items := w.chunk(4)
		c.Settle(0, pipeline.Delivered)
		c.Settle(2, pipeline.DeadLettered)
		w.must(c, items)
		w.must(c, items)
		calls := w.sent()
		if len(calls) != 1 || !slices.Equal(calls[0].ids, []string{"1", "3"}) {
			t.Errorf("calls: got %v, want one with rows 1 and 3", calls)
		}
	})
}

func TestARefusalByAccidentCostsNoRow(t *testing.T) {
	for every := 2; every <= 10; every += 4 {
		t.Run(fmt.Sprintf("every %dth call", every), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, options{}, func(c sent) pipeline.Answer {
					if c.rank%every == 0 {
						return no
					}
					return yes
				})
				w.wantOutcomes(w.deliver(500), "500 delivered, 0 dead-lettered, 0 unsettled")
			})
		})
	}
}

func TestRowsThatAreRefusedOnlyTogetherAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, func(c sent) pipeline.Answer {
			if slices.Contains(c.ids, "7") && slices.Contains(c.ids, "60") {
				return no
			}
			return yes
		})
		w.wantOutcomes(w.deliver(100), "100 delivered, 0 dead-lettered, 0 unsettled")
	})
}

func TestACallThatIsTooLargeIsSentInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tooMany := pipeline.Answer{Verdict: pipeline.TooMany, Code: 40061, HTTPStatus: 200, Message: "Batch size"}
		w := newWorld(t, options{}, func(c sent) pipeline.Answer {
			if len(c.ids) > 50 || slices.Contains(c.ids, "13") {
				return tooMany
			}
			return yes
		})
		w.wantOutcomes(w.deliver(200), "199 delivered, 1 dead-lettered, 0 unsettled")
		if len(w.dead.batches) != 1 || w.dead.reasons()[0] != "13 batch_refused" {
			t.Errorf("dead letters: got %v and %d batches, want row 13, which is too many alone", w.dead.reasons(), len(w.dead.batches))
		}
	})
}

func TestDeliverTellsOfCallsThatMayHaveTheirEffectLater(t *testing.T) {
	for name, c := range map[string]struct {
		first pipeline.Answer
		want  bool
	}{
		"accepted":           {yes, false},
		"a connection reset": {pipeline.Answer{Verdict: pipeline.Retry, Network: "reset"}, true},
		"a gateway's answer": {pipeline.Answer{Verdict: pipeline.Retry, HTTPStatus: 504}, true},
		"no connection":      {pipeline.Answer{Verdict: pipeline.Retry, Network: "refused"}, false},
		"TikTok's own error": {pipeline.Answer{Verdict: pipeline.Retry, HTTPStatus: 200, Code: 50000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				w := newWorld(t, options{}, func(sent) pipeline.Answer {
					if calls++; calls == 1 {
						return c.first
					}
					return yes
				})
				chunk, items := w.chunk(3)
				w.must(chunk, items)
				if items.Late != c.want {
					t.Errorf("late: got %t, want %t", items.Late, c.want)
				}
				chunk, items = w.chunk(3)
				if w.must(chunk, items); items.Late {
					t.Error("late: got true of the next chunk, want false")
				}
			})
		})
	}
}

func TestDeliverLeavesWhenItsContextEnds(t *testing.T) {
	t.Run("while its items wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, options{gate: NewGate(GateConfig{CallsInFlight: 1})}, after(time.Minute))
			go w.deliver(1)
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c, items := w.chunk(5)
			if err := w.queue.Deliver(ctx, c, items); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Deliver: got %v, want %v", err, context.DeadlineExceeded)
			}
			w.wantOutcomes(c, "0 delivered, 0 dead-lettered, 5 unsettled")
			elapse(time.Hour)
			if got := len(w.sent()); got != 1 {
				t.Errorf("calls: got %d, want only the first delivery's", got)
			}
		})
	})
	t.Run("while a call is in flight that ends in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, options{}, after(3*time.Second))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c, items := w.chunk(5)
			if err := w.queue.Deliver(ctx, c, items); err != nil {
				t.Errorf("Deliver: got %v, want nil: its call ended within the grace", err)
			}
			w.wantOutcomes(c, "5 delivered, 0 dead-lettered, 0 unsettled")
		})
	})
	t.Run("while a call is in flight that does not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, options{Config: Config{Grace: 2 * time.Second}}, func(c sent) pipeline.Answer {
				<-c.ctx.Done()
				return away
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			c, items := w.chunk(5)
			if err := w.queue.Deliver(ctx, c, items); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Deliver: got %v, want %v", err, context.DeadlineExceeded)
			}
			if got, want := time.Since(began), 3*time.Second; got != want {
				t.Errorf("Deliver took %v, want %v", got, want)
			}
			if !items.Late {
				t.Error("late: got false, want true: the call may have its effect yet")
			}
			synctest.Wait()
			if got := len(w.sent()); got != 1 {
				t.Errorf("calls: got %d, want 1: nobody wants the items any more", got)
			}
		})
	})
}

func TestRunEndsAndTakesDeliverWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{gate: NewGate(GateConfig{CallsInFlight: 1}), Config: Config{MaxItems: 3}}, after(time.Second))
		c, items := w.chunk(5)
		result := make(chan error)
		go func() { result <- w.queue.Deliver(context.Background(), c, items) }()
		synctest.Wait()
		w.stop()
		if err := <-result; !errors.Is(err, errEnded) {
			t.Errorf("Deliver: got %v, want %v", err, errEnded)
		}
		w.wantOutcomes(c, "3 delivered, 0 dead-lettered, 2 unsettled")
	})
}

func TestTheDebuggerSeesEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{calls: true}, refusing("1"))
		w.deliver(3)
		var got []string
		for _, c := range w.hooks {
			got = append(got, fmt.Sprintf("%s attempt %d %s %s %d rows, first %s/%d", strings.TrimPrefix(c.Batch, w.queue.stamp), c.Attempt, c.Request, c.Answer.Verdict, len(c.Rows), c.Rows[0].EventID, c.Rows[0].Offset))
		}
		want := []string{
			"1 attempt 1 web|0,1,2 refused 3 rows, first 0/0",
			"1.0 attempt 1 web|0 accepted 1 rows, first 0/0",
			"1.1 attempt 1 web|1 refused 1 rows, first 1/1",
			"1.2 attempt 1 web|2 accepted 1 rows, first 2/2",
			"1.3 attempt 1 web|1 refused 1 rows, first 1/1",
			"1.4 attempt 1 web|1 refused 1 rows, first 1/1",
		}
		if !slices.Equal(got, want) {
			t.Errorf("calls: got %q, want %q", got, want)
		}
	})
}

func TestARowThatWasRejectedBeforeEndsInTheDeadLettersWithItsOwnReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, after(100*time.Millisecond))
		chunk, items := w.chunk(2)
		items.Rejected = []pipeline.Rejected{{Row: 1, Rejection: pipeline.Reject(pipeline.StageIdentity, pipeline.InvalidEmail, "email", ""), SchemaID: "7"}}
		if err := w.queue.Deliver(t.Context(), chunk, items); err != nil {
			t.Fatal(err)
		}
		w.wantOutcomes(chunk, "1 delivered, 1 dead-lettered, 0 unsettled")
		if got := w.dead.reasons(); len(got) != 1 || !strings.Contains(got[0], string(pipeline.InvalidEmail)) || w.dead.all()[0].SchemaID != "7" {
			t.Errorf("got the letters %v, want one of invalid_email with its schema", got)
		}
		if len(w.sent()) != 1 || items.Rejected[0].Refused {
			t.Errorf("got %d calls, refused %v; want one, and nothing refused", len(w.sent()), items.Rejected[0].Refused)
		}
	})
}
