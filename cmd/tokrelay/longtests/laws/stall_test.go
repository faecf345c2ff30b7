//go:build synctests

package laws

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// TikTok throttles for ten minutes while the topic is full: memory, goroutines and connections stay what they were after
// the first moment, nothing is dead-lettered, and once it is over everything arrives.
func TestAStallOfTenMinutesCostsNoMemoryAndNoRow(t *testing.T) {
	log := &virtual.Logs{}
	defer virtual.Guard(1, log)()
	synctest.Test(t, func(t *testing.T) {
		const rows = 10_000
		w := newWorld(t, rand.New(rand.NewPCG(1, 1)), log, stallText(), 4)
		defer w.end()
		w.fill(rows)
		stalled := w.tiktok.AddFault(sandbox.Fault{Code: 40100})
		m := w.join()
		pass(10 * time.Second)
		before := w.measure(m)
		if before.unsettled == 0 || before.unsettled > rows/2 {
			t.Errorf("%d rows are in hand, want some, and no more than the budget has room for", before.unsettled)
		}
		for minute := range 10 {
			pass(time.Minute)
			if now := w.measure(m); !now.like(before) {
				t.Errorf("after %d minutes: %+v, want about %+v", minute+1, now, before)
			}
		}
		if n := w.tiktok.Stats().Events.Accepted; n != 0 {
			t.Errorf("TikTok took %d events while it throttled", n)
		}
		t.Logf("stalled: %+v", before)
		w.tiktok.RemoveFault(stalled)
		w.settle()
		pass(2 * time.Minute) // what was opened for the rush is closed again
		after := w.measure(m)
		t.Logf("after: %+v", after)
		if after.goroutines > before.goroutines || after.connections > before.connections || after.unsettled != 0 {
			t.Errorf("at rest: %+v, want no more than while it stalled: %+v", after, before)
		}
		w.part()
		w.judge()
	})
}

func stallText() string {
	return fmt.Sprintf(configText, 45, 35, "classic", 4, 30, 1000, 0)
}

// pass lets virtual time go by.
func pass(d time.Duration) { <-time.After(d); synctest.Wait() }

// fill writes n good rows.
func (w *world) fill(n int) {
	for range n {
		r := w.table.order()
		w.write(w.table.change("c", r), fate{outcome: pipeline.Delivered, id: r["order_uid"].(string)})
	}
	if err := w.client.Flush(context.Background()); err != nil {
		w.Fatal(err)
	}
}

// load is what a member costs.
type load struct {
	heap        uint64 // bytes in use after a collection
	goroutines  int
	connections int
	unsettled   int64
}

func (w *world) measure(m *virtual.Member) load {
	w.Helper()
	counts, err := m.Wiring.Metrics.Counts("orders")
	if err != nil {
		w.Fatal(err)
	}
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return load{stats.HeapInuse, runtime.NumGoroutine(), m.Link.Open(), counts.Unsettled}
}

// like reports whether the load is about another one: rows in hand exactly, the rest within what a garbage collector, and a
// call that is just being tried, make of it.
func (l load) like(o load) bool {
	return l.unsettled == o.unsettled && l.goroutines <= o.goroutines+10 && l.connections <= o.connections+2 && l.heap < o.heap+8<<20
}
