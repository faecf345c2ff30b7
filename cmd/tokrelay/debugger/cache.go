package debugger

import (
	"sync"
	"time"
)

// cache keeps what is costly to look up for a moment, so that many browsers that follow cost as much as one. The zero
// cache keeps nothing for longer than it takes; fresh says how long.
type cache[K comparable, V any] struct {
	fresh time.Duration

	mu    sync.Mutex
	known map[K]cached[V]
}

type cached[V any] struct {
	value V
	at    time.Time
}

const mostCached = 32

// get is what is known of the key, or what make makes. One make runs at a time.
func (c *cache[K, V]) get(key K, make func() (V, error)) (V, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.known[key]; ok && time.Since(known.at) < c.fresh {
		return known.value, nil
	}
	value, err := make()
	if err != nil {
		return value, err
	}
	if c.known == nil || len(c.known) >= mostCached {
		c.known = map[K]cached[V]{}
	}
	c.known[key] = cached[V]{value, time.Now()}
	return value, nil
}
