//go:build soak

package processes

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// TestSoakTenMinutesOfStall keeps the topic full while TikTok takes nothing for ten minutes: it throttles, is away, and
// holds each call until it is given up. The binary is the one that users run, without the race detector.
func TestSoakTenMinutesOfStall(t *testing.T) {
	s := newStack(t, 0)
	s.patience = 5 * time.Minute
	s.binary = filepath.Join(t.TempDir(), "tokrelay")
	if err := build(s.binary); err != nil {
		t.Fatal(err)
	}
	p := s.start()
	until(t, "it was a member", func() bool { return s.members() == 1 })
	pass(15 * time.Second)
	baseline := p.load()
	t.Logf("at rest before: %v", baseline)
	throttled := s.tiktok.AddFault(sandbox.Fault{Code: 40100})
	s.fill(200_000) // some 180 MB
	s.stalled(p, "throttled")
	s.doors.tiktok.set(true)
	s.tiktok.RemoveFault(throttled)
	held := s.tiktok.AddFault(sandbox.Fault{Timeout: true})
	s.stalled(p, "away")
	s.doors.tiktok.set(false)
	s.stalled(p, "holding calls")
	if n := s.delivered(); n != 0 {
		t.Errorf("TikTok took %d rows while it stalled", n)
	}
	s.tiktok.RemoveFault(held)
	start := time.Now()
	s.complete()
	t.Logf("all rows were delivered %v after the stall; memory then: %v", time.Since(start).Round(time.Second), p.load())
	s.atRest(p, baseline)
}

// load is what a process costs.
type load struct{ megabytes, goroutines, files, unsettled int }

func (l load) String() string {
	return fmt.Sprintf("%d MB resident, %d goroutines, %d open files and connections, %d rows in hand", l.megabytes, l.goroutines, l.files, l.unsettled)
}

func (p *process) load() load {
	p.t.Helper()
	return load{
		megabytes: int(p.metric("process_resident_memory_bytes")) >> 20, goroutines: int(p.metric("go_goroutines")),
		files: int(p.metric("process_open_fds")), unsettled: int(p.metric(`tokrelay_unsettled_records{sync="orders"}`)),
	}
}

// stalled watches the process for a third of ten minutes.
func (s *stack) stalled(p *process, how string) {
	s.t.Helper()
	pass(10 * time.Second)
	first := p.load()
	worst := first
	for range 38 {
		pass(5 * time.Second)
		now := p.load()
		worst = load{max(worst.megabytes, now.megabytes), max(worst.goroutines, now.goroutines), max(worst.files, now.files), max(worst.unsettled, now.unsettled)}
	}
	s.t.Logf("%s: %v; at worst %v", how, first, worst)
	if first.unsettled == 0 {
		s.t.Error("no row is in hand: nothing stalls")
	}
	if worst.megabytes >= 200 {
		s.t.Errorf("%s: memory was %d MB, want less than 200", how, worst.megabytes)
	}
	if worst.goroutines > first.goroutines+20 || worst.files > first.files+20 {
		s.t.Errorf("%s: grew from %v to %v", how, first, worst)
	}
}

// atRest waits until the process costs no more than before its work.
func (s *stack) atRest(p *process, baseline load) {
	s.t.Helper()
	now, deadline := p.load(), time.Now().Add(3*time.Minute) // an idle connection is closed after a minute and a half
	for (now.goroutines > baseline.goroutines+4 || now.files > baseline.files+2 || now.unsettled > 0) && time.Now().Before(deadline) {
		pass(5 * time.Second)
		now = p.load()
	}
	s.t.Logf("at rest after: %v", now)
	if now.goroutines > baseline.goroutines+4 || now.files > baseline.files+2 || now.unsettled > 0 {
		s.t.Errorf("after the work: %v; before it: %v", now, baseline)
	}
}
