package pipeline

import (
	"slices"
	"sync"
	"time"
)

// Status is what the page, /readyz and metrics show of each sync: the troubles it is in and since when. Steps report
// with Set and Clear under a source of their own; a sync runs when no source has trouble. It is safe for concurrent use.
type Status struct {
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

// NewStatus makes an empty status; now is the clock.
func NewStatus(now func() time.Time) *Status {
	return &Status{now: now, syncs: map[string]map[string]TroubleSince{}}
}

// Set reports trouble, and whether it is news: a trouble of another kind, or none before.
func (s *Status) Set(sync, source string, t *Trouble) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.syncs[sync] == nil {
		s.syncs[sync] = map[string]TroubleSince{}
	}
	old, had := s.syncs[sync][source]
	news := !had || old.Kind != t.Kind
	since := old.Since
	if news {
		since = s.now()
	}
	s.syncs[sync][source] = TroubleSince{Trouble: t, Source: source, Since: since}
	return news
}

// Clear takes the source's trouble away and reports whether there was one.
func (s *Status) Clear(sync, source string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, had := s.syncs[sync][source]
	delete(s.syncs[sync], source)
	return had
}

// Troubles are the sync's troubles, those that need an operator first, then the oldest.
func (s *Status) Troubles(sync string) []TroubleSince {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []TroubleSince
	for _, t := range s.syncs[sync] {
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
