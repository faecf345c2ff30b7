package kafka

import (
	"context"
	"sync"
)

// flow is what the partitions of one consumer share: where chunks go, how many may be under way, and the memory that
// unsettled records may take together.
type flow struct {
	offer    Offer
	window   int
	maxChunk int
	rows     int   // that calls in flight take
	most     int64 // what unsettled records may weigh, whatever rows and they weigh
	starved  func(bool)
	metrics  *Metrics
	settled  chan struct{} // rows have settled that are not committed yet

	mu     sync.Mutex
	used   int64 // weight of unsettled records
	paused int64 // part of used that paused partitions hold
	usual  int64 // weight of a record, about
	room   chan struct{}
}

func newFlow(o ConsumerOptions, most int64) *flow {
	return &flow{window: o.Window, maxChunk: o.MaxChunk, rows: o.Rows, most: most, starved: o.Starved, metrics: o.Metrics, usual: firstGuess,
		settled: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// use takes records' weight from the budget, and learns what a record usually weighs.
func (f *flow) use(records int, weight int64) {
	f.mu.Lock()
	f.used += weight
	f.usual = (3*f.usual + weight/int64(records)) / 4
	f.mu.Unlock()
}

func (f *flow) free(weight int64) {
	f.mu.Lock()
	f.used -= weight
	f.mu.Unlock()
	signal(f.room)
}

// setPaused tells how much of the budget paused partitions hold: the others may go on with the other half.
func (f *flow) setPaused(held int64) {
	f.mu.Lock()
	f.paused = held
	f.mu.Unlock()
	signal(f.room)
}

// signal wakes up who waits for the channel, now or next.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// left is the weight that may still be read: what remains of the budget, or, where stuck partitions hold too much of
// it, what remains of the others' half. All of it together stays below twice the budget.
func (f *flow) left() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	budget := f.budget()
	othersHalf := min(budget/2-(f.used-f.paused), 2*budget-f.used)
	return max(budget-f.used, othersHalf, 0)
}

// budget is what unsettled records may weigh together: what calls in flight take of the rows that come, and half as much that waits for
// them. The caller holds mu.
func (f *flow) budget() int64 {
	return min(max(int64(f.rows)*f.usual*3/2, leastBudget), f.most)
}

// half is half of the budget.
func (f *flow) half() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.budget() / 2
}

// waitForRoom returns how many records may be read, or ctx's error.
func (f *flow) waitForRoom(ctx context.Context) (int, error) {
	if f.left() == 0 {
		f.starved(true)
		defer f.starved(false)
	}
	for f.left() == 0 {
		select {
		case <-f.room:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	f.mu.Lock()
	usual := max(f.usual, perRecord)
	f.mu.Unlock()
	return int(min(max(f.left()/usual, 1), maxPoll)), ctx.Err()
}

const (
	maxPoll     = 10_000
	firstGuess  = 1 << 10  // weight of a record before any was seen
	leastBudget = 12 << 20 // serves records of usual size
)
