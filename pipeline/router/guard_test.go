package router

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// rejecting makes rows fail of which bad says so.
func rejecting(bad func(n int) bool) func(int) error {
	return func(n int) error {
		if bad(n) {
			return pipeline.Reject(pipeline.StageMap, pipeline.RequiredField, "user.email", "must not be empty")
		}
		return nil
	}
}

func TestTooManyRejectedRowsStopTheSyncBeforeTheirLettersAreWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.RejectedShare = RejectedShare{Rows: 100, Share: 0.5}
		b.decode = rejecting(func(int) bool { return true })
		r, end := b.run(t)
		b.handle(t, numbers(0, 99)) // one row too few to judge
		if len(b.written) != 99 {
			t.Fatalf("%d letters, want 99", len(b.written))
		}
		b.chunks <- numbers(100, 50)
		held := <-b.tickets
		synctest.Wait() // it has stopped the sync; the next chunk is not looked at
		b.chunks <- numbers(200, 50)
		waiting := <-b.tickets
		<-time.After(time.Hour)
		if len(b.written) != 99 {
			t.Errorf("%d letters after the stop, want 99", len(b.written))
		}
		troubles := b.status.Troubles("orders")
		if len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleRejected || !troubles[0].Stop {
			t.Fatalf("status: got %v, want the rejected share", troubles)
		}
		if what := troubles[0].What; !strings.Contains(what, "100 of the last 100 rows") || !strings.Contains(what, "required_field (user.email)") {
			t.Errorf("status says %q, want the share and the reason", what)
		}
		b.set(func() { b.decode = nil }) // the other rows are good
		if !r.Resume("orders", time.Time{}) {
			t.Error("Resume: got false, want true")
		}
		<-held.Acked
		<-waiting.Acked
		if len(b.written) != 149 || len(b.status.Troubles("orders")) != 0 {
			t.Errorf("after Resume: %d letters and %v, want 149 and no trouble", len(b.written), b.status.Troubles("orders"))
		}
		if r.Resume("orders", time.Time{}) || r.Resume("nobody", time.Time{}) {
			t.Error("Resume of a sync that runs, or does not exist: got true")
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestAStoppedSyncEndsWithTheProgramAndLeavesItsRowsUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.RejectedShare = RejectedShare{Rows: 10, Share: 0.5}
		b.decode = rejecting(func(int) bool { return true })
		_, end := b.run(t)
		c := numbers(0, 10)
		b.chunks <- c
		ticket := <-b.tickets
		synctest.Wait()
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
		<-ticket.Nacked
		if c.Left() != 10 || len(b.written) != 0 {
			t.Errorf("%d rows unsettled and %d letters, want 10 and none", c.Left(), len(b.written))
		}
	})
}

func TestTheShareLooksBackOnTheLastRows(t *testing.T) {
	cases := []struct {
		name string
		rule RejectedShare
		bad  func(n int) bool
		skip func(n int) bool
		rows int
		stop int // rows handled when it stops; 0 never
	}{
		{name: "half is not more than half", rule: RejectedShare{Rows: 10, Share: 0.5}, bad: func(n int) bool { return n%2 == 0 }, rows: 100},
		{name: "six of ten", rule: RejectedShare{Rows: 10, Share: 0.5}, bad: func(n int) bool { return n%10 < 6 }, rows: 100, stop: 10},
		{name: "few rows are no sample", rule: RejectedShare{Rows: 50, Share: 0.5}, bad: func(int) bool { return true }, rows: 49},
		{name: "a burst among good rows", rule: RejectedShare{Rows: 10, Share: 0.5}, bad: func(n int) bool { return n >= 40 && n < 50 }, rows: 100, stop: 46},
		{name: "skipped rows are not counted", rule: RejectedShare{Rows: 10, Share: 0.5}, bad: func(int) bool { return true },
			skip: func(n int) bool { return n%10 != 0 }, rows: 100, stop: 91},
		{name: "all of them are allowed", rule: RejectedShare{Rows: 10, Share: 1}, bad: func(int) bool { return true }, rows: 100},
		{name: "none is allowed", rule: RejectedShare{Rows: 10}, bad: func(n int) bool { return n == 12 }, rows: 100, stop: 13},
		{name: "nothing is looked back on", rule: RejectedShare{}, bad: func(int) bool { return true }, rows: 100},
		{name: "a small share", rule: RejectedShare{Rows: 100, Share: 0.02}, bad: func(n int) bool { return n%33 == 0 }, rows: 200, stop: 100},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := newRejectionGuard(c.rule, &troubles{sync: "orders", status: pipeline.NewStatus(time.Now)})
			stop := 0
			for n := range c.rows {
				if c.skip != nil && c.skip(n) {
					continue
				}
				s.push(c.bad(n))
				if s.exceeded() && stop == 0 {
					stop = n + 1
				}
			}
			if stop != c.stop {
				t.Errorf("stops after %d rows, want %d", stop, c.stop)
			}
		})
	}
}

func TestRowsThatTikTokRefusesCountToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.RejectedShare = RejectedShare{Rows: 10, Share: 0.5}
		var guard Guard
		b.Watch = func(g Guard) func() { guard = g; return nil }
		b.deliver = func(c *pipeline.Chunk) error {
			for i := range c.Records {
				guard.Refused(pipeline.Reject(pipeline.StageSend, pipeline.RefusedByTikTok, "", ""))
				c.Settle(i, pipeline.DeadLettered)
			}
			return nil
		}
		_, end := b.run(t)
		b.handle(t, numbers(0, 10))
		synctest.Wait()
		if troubles := b.status.Troubles("orders"); len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleRejected {
			t.Errorf("status: got %v, want the rejected share", troubles)
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestTwentyRefusalsInARowStopASyncThatIsTooSmallForTheWindow(t *testing.T) {
	refusal := pipeline.Reject(pipeline.StageSend, pipeline.RefusedByTikTok, "", "")
	for _, c := range []struct {
		name    string
		share   settings.Percent
		pattern string // r: refused, d: delivered
		stopped bool
	}{
		{"nineteen", 0.5, strings.Repeat("r", 19), false},
		{"twenty", 0.5, strings.Repeat("r", 20), true},
		{"twenty, and one delivered between them", 0.5, strings.Repeat("r", 10) + "d" + strings.Repeat("r", 10), false},
		{"never", 1, strings.Repeat("r", 100), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			status := pipeline.NewStatus(time.Now)
			g := newRejectionGuard(RejectedShare{Rows: 1000, Share: c.share}, &troubles{sync: "orders", status: status})
			for _, row := range c.pattern {
				g.push(false)
				if row == 'd' {
					g.Delivered()
				} else {
					g.Refused(refusal)
				}
			}
			if g.Stopped() != c.stopped || len(status.Troubles("orders")) > 0 != c.stopped {
				t.Errorf("stopped: got %v and %v, want %v", g.Stopped(), status.Troubles("orders"), c.stopped)
			}
			if c.stopped && !strings.Contains(status.Troubles("orders")[0].What, "tokrelay resume --sync orders") {
				t.Errorf("trouble: got %q, want the command that ends it", status.Troubles("orders")[0].What)
			}
		})
	}
}

func TestTheMostFrequentReasonIsNamed(t *testing.T) {
	var letters []pipeline.Letter
	for i := range 5 {
		letters = append(letters, pipeline.Letter{Rejection: pipeline.Reject(pipeline.StageMap, pipeline.WrongType, "f"+strconv.Itoa(i%2), "")})
	}
	if got, want := mostly(letters), ", mostly for wrong_type (f0)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := mostly(nil); got != "" {
		t.Errorf("without letters: got %q, want nothing", got)
	}
}

func TestWhatAStoppedSyncHoldsLeavesWithItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.RejectedShare = RejectedShare{Rows: 10, Share: 0.5}
		b.decode = rejecting(func(int) bool { return true })
		b.leaving = make(chan struct{})
		_, end := b.run(t)
		stopping, waiting := numbers(0, 10), numbers(10, 10)
		b.chunks <- stopping
		first := <-b.tickets
		synctest.Wait()
		b.chunks <- waiting
		second := <-b.tickets
		close(b.leaving)
		<-first.Nacked
		<-second.Nacked
		if !stopping.IsHeld() || !waiting.IsHeld() || stopping.Left()+waiting.Left() != 20 {
			t.Errorf("held: got %v and %v with %d rows unsettled, want both and 20", stopping.IsHeld(), waiting.IsHeld(), stopping.Left()+waiting.Left())
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if text := b.log.String(); strings.Contains(text, "level=ERROR") {
			t.Errorf("log: got %s, want no error", text)
		}
	})
}

func TestARowThatWaitsOutTroubleLeavesWithItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.decode = func(int) error { return &pipeline.Trouble{Kind: pipeline.TroubleRegistry, What: "away"} }
		b.leaving = make(chan struct{})
		_, end := b.run(t)
		c := numbers(0, 10)
		b.chunks <- c
		ticket := <-b.tickets
		<-time.After(time.Hour)
		began := time.Now()
		close(b.leaving)
		<-ticket.Nacked
		if took := time.Since(began); took > 0 || !c.IsHeld() || c.Left() != 10 {
			t.Errorf("left after %v, held %v, %d rows unsettled, want at once and 10", took, c.IsHeld(), c.Left())
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestAPausedSyncBeginsNothingUntilItIsResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.RejectedShare = RejectedShare{Rows: 10, Share: 0.5}
		r, end := b.run(t)
		b.handle(t, numbers(0, 10))
		r.Pause("orders")
		r.Pause("orders") // twice is once
		c := numbers(10, 10)
		b.chunks <- c
		ticket := <-b.tickets
		<-time.After(time.Hour)
		if c.Left() != 10 || b.decoded["10"] > 0 {
			t.Errorf("%d rows unsettled and %d decoded while paused, want 10 and none", c.Left(), b.decoded["10"])
		}
		if !r.Resume("orders", time.Time{}) {
			t.Error("Resume: got false, want true")
		}
		<-ticket.Acked
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestRejectedRowsAreAcceptedForAWhileAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.RejectedShare = RejectedShare{Rows: 10, Share: 0.5}
		b.decode = rejecting(func(int) bool { return true })
		r, end := b.run(t)
		b.chunks <- numbers(0, 10)
		held := <-b.tickets
		synctest.Wait()
		r.Resume("orders", time.Now().Add(time.Hour))
		<-held.Acked
		for from := 10; from < 500; from += 10 {
			b.handle(t, numbers(from, 10))
		}
		if len(b.written) != 500 || len(b.status.Troubles("orders")) != 0 {
			t.Errorf("within the hour: %d letters and %v, want 500 and no trouble", len(b.written), b.status.Troubles("orders"))
		}
		<-time.After(time.Hour)
		b.chunks <- numbers(500, 10)
		<-b.tickets
		synctest.Wait()
		if len(b.written) != 500 || len(b.status.Troubles("orders")) != 1 {
			t.Errorf("after the hour: %d letters and %v, want 500 and the rejected share", len(b.written), b.status.Troubles("orders"))
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
