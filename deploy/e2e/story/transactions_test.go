//go:build e2e

package story

import (
	"os"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// transaction writes rows within a transaction and ends it as told.
func (p *feed) transaction(client *kgo.Client, end kgo.TransactionEndTry, n int, partitions ...int32) (ids []string) {
	p.t.Helper()
	if err := client.BeginTransaction(); err != nil {
		p.t.Fatal(err)
	}
	ids = p.within(client, n, partitions...)
	if err := client.EndTransaction(p.t.Context(), end); err != nil {
		p.t.Fatal(err)
	}
	if end == kgo.TryAbort {
		p.takeBack(ids)
	}
	return ids
}

func (p *feed) within(client *kgo.Client, n int, partitions ...int32) []string {
	p.t.Helper()
	ids, records := p.draft(p.rows(), n, 0, nil, partitions...)
	if err := client.ProduceSync(p.t.Context(), records...).FirstErr(); err != nil {
		p.t.Fatal(err)
	}
	return ids
}

// transactional is a producer as exactly-once Connect has one.
func (p *feed) transactional(id string) *kgo.Client {
	p.t.Helper()
	return p.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(p.name+id), kgo.TransactionTimeout(10*time.Minute))
}

// atRest waits until the metrics say that the sync has nothing to do, and checks that they go on saying so.
func (p *feed) atRest(what string) {
	p.t.Helper()
	records, seconds := -1.0, -1.0
	quiet := func() bool {
		records, _ = p.metric("tokrelay_consumer_lag_records")
		seconds, _ = p.metric("tokrelay_consumer_lag_seconds")
		return records == 0 && seconds == 0
	}
	deadline := time.Now().Add(25 * time.Second)
	for !quiet() && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
	}
	for range 20 { // an answer about the ends comes every 15 seconds
		if time.Sleep(time.Second); !quiet() {
			p.t.Errorf("%s: %v records and %v seconds behind, want none: everything was sent", what, records, seconds)
			return
		}
	}
}

// Marks of commits and rows of aborted transactions end the partitions. Nothing is behind them, so nothing is behind.
func TestASyncBehindNothingButTransactionsThatEndedIsNotBehind(t *testing.T) {
	p := newFeed(t, "transactions", rowEvents, options{})
	p.create(p.rows(), 4)
	source := p.transactional("-a")
	p.start()
	p.transaction(source, kgo.TryCommit, 5, 0, 1, 2, 3)
	p.transaction(source, kgo.TryAbort, 3, 1, 2) // partitions 1 and 2 end with aborted rows
	p.transaction(source, kgo.TryCommit, 2, 2)   // and 2 with a mark of a commit
	p.transaction(source, kgo.TryAbort, 4, 3)    // and 3 with two aborted transactions, one after the other
	p.transaction(source, kgo.TryAbort, 1, 3)
	p.arrived("rows of committed transactions")
	p.atRest("behind the ends of transactions")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))
	p.once("transactions")
}

// What was read and is then removed, marks and aborted rows at its end included, is no loss: neither for who reads, nor for who
// starts later.
func TestRemovingSegmentsThatWereReadLosesNothing(t *testing.T) {
	p := newFeed(t, "transactionsgone", rowEvents, options{})
	p.create(p.rows(), 2)
	source := p.transactional("-a")
	daemon := p.start()
	for range 3 {
		p.transaction(source, kgo.TryCommit, 5, 0, 1)
		p.transaction(source, kgo.TryAbort, 5, 0, 1)
	}
	p.arrived("rows of committed transactions")
	time.Sleep(3 * time.Second) // commits are due every second
	p.deleteRecords(p.rows(), 0, 1)
	p.write(p.rows(), 5, 0, 1)
	p.arrived("what was written afterwards")
	lostNone := func(when string) {
		if lost, found := p.metric("tokrelay_records_lost_total", `sync="events"`); lost != 0 || !found {
			t.Errorf("%s: %v records counted as lost, want none: all rows were read before they were removed", when, lost)
		}
	}
	lostNone("while it runs")

	p.transaction(source, kgo.TryCommit, 5, 0, 1)
	p.transaction(source, kgo.TryAbort, 5, 0, 1)
	p.arrived("rows of one more transaction")
	time.Sleep(3 * time.Second)
	daemon.Stop(os.Interrupt)
	p.deleteRecords(p.rows(), 0, 1)
	p.start()
	p.write(p.rows(), 5, 0, 1)
	p.arrived("what was written before the next start")
	lostNone("after a restart")
	p.once("what was removed after it was read")
}

// A transaction that nobody ends holds its partition alone: what is behind it waits, and arrives once it has ended. (It is
// named after minutes; the tests of pipeline/kafka have virtual ones.)
func TestAnOpenTransactionHoldsItsPartitionAlone(t *testing.T) {
	p := newFeed(t, "transactionopen", rowEvents, options{})
	p.create(p.rows(), 2)
	p.start()
	p.write(p.rows(), 3, 0, 1)
	p.arrived("before the transaction")
	source := p.transactional("-open")
	if err := source.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	held := p.within(source, 2, 0)
	held = append(held, p.write(p.rows(), 10, 0)...) // behind it
	free := p.write(p.rows(), 10, 1)
	until(t, "rows of the other partition have arrived", func() bool { return len(without(free, p.events(pixel))) == 0 })
	p.commitsReach("events", p.rows(), map[int32]int64{1: p.logEnds(p.rows())[1]})
	until(t, "the partition that nothing holds is not behind", func() bool {
		behind, found := p.metric("tokrelay_consumer_lag_records", `partition="1"`)
		return found && behind == 0
	})
	until(t, "the metrics say for how long the transaction has held the other one", func() bool {
		seconds, _ := p.metric("tokrelay_open_transaction_seconds", `partition="0"`)
		return seconds > 0
	})
	p.atRest("rows behind an open transaction cannot be read")
	if got := without(held, p.events(pixel)); len(got) != len(held) {
		t.Errorf("%d of %d rows behind an open transaction were sent", len(held)-len(got), len(held))
	}
	if err := source.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	p.arrived("once the transaction has ended")
	p.commitsReach("events", p.rows(), p.logEnds(p.rows()))
	p.once("an open transaction")
}
