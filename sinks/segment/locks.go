package segment

import (
	"context"
	"slices"
	"sync"
)

// locks are taken many at once, all or none, so that two chunks can never wait for each other. A lock is a hash: chunks
// whose hashes collide wait without need, and no harm is done. The zero value is ready.
type locks struct {
	mu    sync.Mutex
	held  map[uint64]struct{}
	given chan struct{} // closed when some are given back
}

// take waits until all are free, takes them, and returns them each once: that is what to give back. When ctx ends it
// returns nothing and has taken nothing.
func (l *locks) take(ctx context.Context, keys []uint64) ([]uint64, error) {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for {
		given := l.try(keys)
		if given == nil {
			return keys, nil
		}
		select {
		case <-given:
		case <-ctx.Done():
			return keys[:0], context.Cause(ctx)
		}
	}
}

// try takes the locks, or says what to wait for.
func (l *locks) try(keys []uint64) (given chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held, l.given = map[uint64]struct{}{}, make(chan struct{})
	}
	for _, k := range keys {
		if _, held := l.held[k]; held {
			return l.given
		}
	}
	for _, k := range keys {
		l.held[k] = struct{}{}
	}
	return nil
}

func (l *locks) give(keys []uint64) {
	if len(keys) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		delete(l.held, k)
	}
	close(l.given)
	l.given = make(chan struct{})
}
