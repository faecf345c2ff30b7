//go:build e2e

package story

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// Records go while they are being read: by retention, here as a deletion of records, and with their topic. What Kafka still
// has is read, each row once, and no reading stops half way for what is gone.

// throttle has the broker hold back every reader at a number of bytes a second. It answers a reader that had its share at once,
// and with nothing.
func (p *feed) throttle(bytesPerSecond float64) {
	p.t.Helper()
	everyone := kadm.ClientQuotaEntity{{Type: "client-id"}}
	set := func(op kadm.AlterClientQuotaOp) {
		done, err := p.broker.AlterClientQuotas(context.WithoutCancel(p.t.Context()), []kadm.AlterClientQuotaEntry{{Entity: everyone, Ops: []kadm.AlterClientQuotaOp{op}}})
		if err != nil || len(done) != 1 || done[0].Err != nil {
			p.t.Fatalf("alter quotas: %v %+v", err, done)
		}
	}
	set(kadm.AlterClientQuotaOp{Key: "consumer_byte_rate", Value: bytesPerSecond})
	p.t.Cleanup(func() { set(kadm.AlterClientQuotaOp{Key: "consumer_byte_rate", Remove: true}) })
}

func TestAnUploadIsWholeThoughTheBrokerThrottlesIt(t *testing.T) {
	p := newFeed(t, "throttledfile", bulkFile, options{env: []string{"WORK_FOLDER=" + t.TempDir()}})
	p.create(p.rows(), len(four))
	ids, records := p.draft(p.rows(), bulk, pad, nil, four...)
	p.produce(records)
	p.throttle(1_500_000)
	p.run("audience", "upload", "--sync", "everybody")
	same(t, "lines of the file", p.members("Everybody", "EMAIL_SHA256"), digests(ids))
}

// The upload is under way when most of two partitions goes, also what it is just about to read: the broker throttles it, so
// there is time for that. Kafka answers OFFSET_OUT_OF_RANGE then, and does not say where the log starts.
func TestAnUploadGoesOnWhereRetentionOvertakesIt(t *testing.T) {
	const left = 100
	p := newFeed(t, "overtakenfile", bulkFile, options{env: []string{"WORK_FOLDER=" + t.TempDir()}})
	p.create(p.rows(), len(four))
	_, records := p.draft(p.rows(), bulk, pad, nil, four...)
	p.produce(records)
	p.throttle(1_500_000)
	upload := program.Start(t, p.command("audience", "upload", "--sync", "everybody"))
	for before := int64(0); !upload.Ended(); time.Sleep(100 * time.Millisecond) {
		if before = min(before+100, bulk-left); before > 0 {
			p.deleteBefore(p.rows(), 0, before)
			p.deleteBefore(p.rows(), 3, before)
		}
	}
	if code := upload.Exit(); code != 0 {
		t.Fatalf("exit code %d of the upload; it said:\n%s", code, upload.Said())
	}
	var kept []string
	for i, id := range p.written {
		if partition := i % len(four); partition == 1 || partition == 2 || i/len(four) >= bulk-left {
			kept = append(kept, id)
		}
	}
	if missing := without(digests(kept), p.members("Everybody", "EMAIL_SHA256")); len(missing) > 0 {
		t.Errorf("%d of the %d people whom retention left alone are missing", len(missing), len(kept))
	}
}

// A purge while letters are replayed: what is left of them is delivered. Letters of one partition may be written in another
// order than their rows, so Kafka is asked which are left.
func TestAReplayGoesOnWhereAPurgeOvertakesIt(t *testing.T) {
	const left = 100
	p := newFeed(t, "overtakenreplay", rowEvents, options{})
	p.create(p.rows(), len(four))
	_, records := p.draft(p.rows(), bulk, pad, func(row map[string]any) { row["currency"] = "XXQ" }, four...)
	p.produce(records)
	p.topics["events"] = []string{p.rows()}
	p.start()
	p.caughtUp()
	p.correct("properties.currency: currency", "properties.currency: {column: currency, map: {XXQ: EUR}}")
	p.slowly(time.Second)
	replay := program.Start(t, p.command("dlq", "replay", "--yes"))
	until(t, "letters are being delivered", func() bool { return p.tiktok.Stats().Events.Accepted > 0 })
	for id, end := range p.logEnds(p.name + ".rejected") {
		p.deleteBefore(p.name+".rejected", id, end-left)
	}
	p.tiktok.ClearFaults()
	if code := replay.Exit(); code != 0 {
		t.Errorf("exit code %d of the replay; it said:\n%s", code, replay.Said())
	}
	var kept []string
	for _, letter := range p.records(p.name + ".rejected") {
		kept = append(kept, strings.Trim(string(letter.Key), `"`))
	}
	if len(kept) != left*len(four) {
		t.Fatalf("the purge left %d letters", len(kept))
	}
	if missing := without(kept, p.events(pixel)); len(missing) > 0 {
		t.Errorf("%d of the %d letters that the purge left alone were not delivered; the replay said:\n%s", len(missing), len(kept), replay.Said())
	}
}

// without is what is in list and not in other.
func without(list, other []string) (left []string) {
	there := map[string]bool{}
	for _, s := range other {
		there[s] = true
	}
	for _, s := range list {
		if !there[s] {
			left = append(left, s)
		}
	}
	return left
}

// slowly has TikTok take its time, so that what happens meets rows under way.
func (p *feed) slowly(d time.Duration) { p.tiktok.AddFault(sandbox.Fault{Delay: d}) }

// once checks that TikTok was sent no row twice.
func (p *feed) once(what string) {
	p.t.Helper()
	if again := p.tiktok.Stats().Events.Duplicates; again > 0 {
		p.t.Errorf("%s: %d rows were sent again", what, again)
	}
}

// A daemon whose group's offset is before the log's start goes on where the log starts, and counts what is gone.
func TestRetentionThatOvertakesAStoppedGroupIsCountedToTheRow(t *testing.T) {
	p := newFeed(t, "overtakengroup", rowEvents, options{})
	p.create(p.rows(), 3)
	p.write(p.rows(), 10, 0, 1, 2)
	daemon := p.start()
	p.arrived("before retention")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))
	daemon.Stop(os.Interrupt)
	gone := p.write(p.rows(), 40, 0, 1)
	p.deleteRecords(p.rows(), 0, 1)
	p.takeBack(gone)
	p.write(p.rows(), 10, 0, 1, 2)
	p.start()
	p.arrived("after retention")
	until(t, "the rows that are gone are counted", func() bool {
		lost, _ := p.metric("tokrelay_records_lost_total", `sync="events"`)
		return lost == float64(len(gone))
	})
	p.once("after retention")
}

// A topic that is deleted and made again while two instances read it starts over, once. Then partitions move: one instance
// leaves, another one joins. Where a partition was settled it goes on.
func TestATopicMadeAgainWhileItIsReadIsReadOnce(t *testing.T) {
	p := newFeed(t, "madeagain", rowEvents, options{})
	p.create(p.rows(), 4)
	p.start()
	second, its := p.another()
	until(t, "the partitions are shared", func() bool { return len(p.assigned(p.admin)) == 2 && len(p.assigned(its)) == 2 })
	p.write(p.rows(), 25, four...)
	p.arrived("the first topic")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))

	p.remove(p.rows())
	p.create(p.rows(), 4)
	p.write(p.rows(), 120, four...)
	p.arrived("the second topic")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))

	if code := second.Stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d after a clean stop", code)
	}
	p.write(p.rows(), 5, four...)
	p.arrived("once the other instance has left")
	_, its = p.another()
	until(t, "the partitions are shared again", func() bool { return len(p.assigned(p.admin)) == 2 && len(p.assigned(its)) == 2 })
	p.write(p.rows(), 5, four...)
	p.arrived("once partitions have moved again")
	p.once("a topic made again")
}

// Made again while nobody runs: the group's offsets are the old topic's and mean nothing in the new one, also where the new
// one is longer by now.
func TestATopicMadeAgainWhileNobodyRunsIsReadWhole(t *testing.T) {
	for _, start := range []string{"earliest", "latest"} {
		t.Run(start, func(t *testing.T) {
			p := newFeed(t, "madeagainoff"+start, rowEvents, options{env: []string{"START=" + start}})
			p.create(p.rows(), 4)
			daemon := p.start()
			until(t, "all partitions are read", func() bool { n, _ := p.metric("tokrelay_partitions_assigned"); return n == 4 })
			p.committedAll(p.rows())
			p.write(p.rows(), 20, four...)
			p.arrived("the first topic")
			p.commitsReach("events", p.rows(), p.logEnds(p.rows()))
			daemon.Stop(os.Interrupt)

			p.remove(p.rows())
			p.create(p.rows(), 4)
			p.write(p.rows(), 50, four...) // longer than the first one was
			first := p.start()
			p.arrived("the second topic")
			p.second()
			until(t, "the partitions are shared", func() bool { n, _ := p.metric("tokrelay_partitions_assigned"); return n > 0 && n < 4 })
			first.Stop(os.Interrupt)
			p.write(p.rows(), 5, four...)
			p.arrived("once all partitions have moved")
			p.once("a topic made again")
		})
	}
}

// committedAll waits until the group has an offset for every partition that is not empty, and where start is latest, for
// every partition.
func (p *feed) committedAll(topic string) {
	p.t.Helper()
	ends := p.logEnds(topic)
	until(p.t, "the group has found its place in "+topic, func() bool {
		at := p.committed("events", topic)
		for id, end := range ends {
			if n, ok := at[id]; end > 0 && (!ok || n < end) {
				return false
			}
		}
		return true
	})
}
