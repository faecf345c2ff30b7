//go:build e2e

package story

import (
	"os"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// What TikTok has taken when an instance is told to stop is committed before it leaves, for as long as the drain allows,
// so that it does not come again.

// TikTok takes two seconds for the last rows, and then the coordinator nine for the commit: more than one try, less than the client
// waits for an answer, and well within the drain.
func TestRowsThatSettledDoNotComeAgainAfterAStopWithASlowCoordinator(t *testing.T) {
	slow := newProxy(t)
	p := newFeed(t, "slowstop", rowEvents+"      batch: {max_events: 50}\n", options{brokers: os.Getenv("E2E_KAFKA_PROXY")})
	p.correct("session_timeout: 10s", "session_timeout: 15s") // heartbeats wait behind the commit
	p.create(p.rows(), 1)
	daemon := p.start()
	p.write(p.rows(), 1, 0)
	p.arrived("the first rows")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))
	p.slowly(2 * time.Second)
	p.write(p.rows(), 300, 0)
	until(t, "rows are under way", func() bool { n, _ := p.metric("tokrelay_http_in_flight"); return n >= 6 })
	slow.delay.Store(int64(9 * time.Second))
	code := daemon.Stop(os.Interrupt)
	slow.delay.Store(0)
	if left := without(p.written, p.events(pixel)); code != 0 || len(left) > 0 {
		t.Errorf("exit code %d after a clean stop, and %d rows have not arrived; it said:\n%s", code, len(left), daemon.Said())
	}
	p.start()
	p.write(p.rows(), 1, 0)
	p.arrived("after the next start")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))
	p.once("a stop with a slow coordinator")
}

// A third instance joins. The first one has slow rows to give up with their partition; the second one waits for it within
// the rebalance, has settled what it read meanwhile, and is told to stop.
func TestRowsThatSettledDoNotComeAgainAfterAStopWhileAnotherInstanceRevokes(t *testing.T) {
	const partitions = 6
	p := newFeed(t, "joinstop", rowEvents, options{timeout: 30}) // the session lasts 35 s
	p.create(p.rows(), partitions)
	p.start()
	second, its := p.another()
	shared := func() bool {
		return len(p.assigned(p.admin)) == partitions/2 && len(p.assigned(its)) == partitions/2
	}
	until(t, "two instances share the partitions", shared)
	firsts := p.assigned(p.admin)

	p.write(p.rows(), 1, firsts...)
	p.arrived("before")
	slow, records := p.draft(p.rows(), 1, 0, func(row map[string]any) { row["id"] = "slow-" + row["id"].(string) }, firsts...)
	p.tiktok.AddFault(sandbox.Fault{IDPrefix: "slow-", Delay: 14 * time.Second}) // of the first instance
	p.produce(records)
	time.Sleep(500 * time.Millisecond) // they are under way
	p.second()
	until(t, "the second instance has given up a partition", func() bool { return len(p.assigned(its)) == partitions/2-1 })
	time.Sleep(500 * time.Millisecond) // it asks to join again, and waits for the first one
	quick := p.write(p.rows(), 200, p.assigned(its)...)
	until(t, "the second instance's rows have settled", func() bool { return len(without(quick, p.events(pixel))) == 0 })
	if left := without(slow, p.events(pixel)); len(left) == 0 {
		t.Error("the first instance was through with its rows already: nothing held up the rebalance")
	}
	if code := second.Stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d after a clean stop; it said:\n%s", code, second.Said())
	}
	p.arrived("after the stop")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))
	p.once("a stop while another instance revoked")
}
