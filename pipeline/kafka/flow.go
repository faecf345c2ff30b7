package kafka

import (
	"context"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// flow is what the partitions of one consumer share: where chunks go, how many may be under way, and the memory that
// unsettled records may take together.
type flow struct {
	offer    Offer
	window   int
	maxChunk int
	budget   int64
	metrics  *metrics.Sync

	mu     sync.Mutex
	used   int64
	paused int64 // part of used that paused partitions held when they were paused
	room   chan struct{}
}

func newFlow(o ConsumerOptions, budget int64) *flow {
	return &flow{window: o.Window, maxChunk: o.MaxChunk, budget: budget, metrics: o.Metrics, room: make(chan struct{}, 1)}
}

func (f *flow) use(weight int64) {
	f.mu.Lock()
	f.used += weight
	f.mu.Unlock()
}

func (f *flow) free(weight int64) {
	f.mu.Lock()
	f.used -= weight
	f.mu.Unlock()
	f.wakeUp()
}

// setPaused tells how much of the budget paused partitions hold: the others may go on with the other half.
func (f *flow) setPaused(held int64) {
	f.mu.Lock()
	f.paused = held
	f.mu.Unlock()
	f.wakeUp()
}

func (f *flow) wakeUp() {
	select {
	case f.room <- struct{}{}:
	default:
	}
}

func (f *flow) hasRoom() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used < f.budget || f.used < 2*f.budget && f.used-f.paused < f.budget/2
}

// waitForRoom returns when more records may be read, or with ctx's error.
func (f *flow) waitForRoom(ctx context.Context) error {
	for !f.hasRoom() {
		select {
		case <-f.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}
