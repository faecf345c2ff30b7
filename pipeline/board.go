package pipeline

import (
	"slices"
	"sync"
	"time"
)

// Board is what the page, /readyz and metrics show of each sync: the troubles it is in and since when. Steps report
// with Set and Clear under a source of their own; a sync runs when no source has trouble. It is safe for concurrent use.
type Board struct {
	now   func() time.Time
	mu    sync.Mutex
	syncs map[string]map[string]TroubleSince
}

// TroubleSince is a trouble, where it was reported, and since when.
type TroubleSince struct {
	*Trouble
	Source string
	Since  time.Time
}

// NewBoard makes an empty board; now is the clock.
func NewBoard(now func() time.Time) *Board {
	return &Board{now: now, syncs: map[string]map[string]TroubleSince{}}
}

// Set reports trouble, and whether it is news: a trouble of another kind, or none before.
func (b *Board) Set(sync, source string, t *Trouble) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.syncs[sync] == nil {
		b.syncs[sync] = map[string]TroubleSince{}
	}
	old, had := b.syncs[sync][source]
	news := !had || old.Kind != t.Kind
	since := old.Since
	if news {
		since = b.now()
	}
	b.syncs[sync][source] = TroubleSince{Trouble: t, Source: source, Since: since}
	return news
}

// Clear takes the source's trouble away and reports whether there was one.
func (b *Board) Clear(sync, source string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, had := b.syncs[sync][source]
	delete(b.syncs[sync], source)
	return had
}

// Troubles are the sync's troubles, those that need an operator first, then the oldest.
func (b *Board) Troubles(sync string) []TroubleSince {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []TroubleSince
	for _, t := range b.syncs[sync] {
		list = append(list, t)
	}
	slices.SortFunc(list, func(x, y TroubleSince) int {
		if x.Stop != y.Stop {
			if x.Stop {
				return -1
			}
			return 1
		}
		return x.Since.Compare(y.Since)
	})
	return list
}
