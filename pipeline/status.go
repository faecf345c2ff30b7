package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Status is what the page, /readyz and metrics show of each sync: the troubles it is in and since when. Steps report
// with Set and Clear under a source of their own; a sync runs when no source has trouble. It is the one place that logs
// trouble: when it begins, when it ends, and every hour between. It is safe for concurrent use.
type Status struct {
	now   func() time.Time
	log   *slog.Logger
	mu    sync.Mutex
	syncs map[string]map[string]TroubleSince
}

// TroubleSince is a trouble, where it was reported, and since when.
type TroubleSince struct {
	*Trouble
	Source string
	Since  time.Time
	logged time.Time
}

// NewStatus makes an empty status; now is the clock.
func NewStatus(now func() time.Time) *Status {
	return &Status{now: now, log: slog.New(slog.DiscardHandler), syncs: map[string]map[string]TroubleSince{}}
}

// LogTo has trouble logged. Call it before anything is reported.
func (s *Status) LogTo(log *slog.Logger) { s.log = log }

// Set reports trouble, and whether it is news: a trouble of another kind, or none before.
func (s *Status) Set(sync, source string, t *Trouble) bool {
	s.mu.Lock()
	if s.syncs[sync] == nil {
		s.syncs[sync] = map[string]TroubleSince{}
	}
	entry, had := s.syncs[sync][source]
	news := !had || entry.Kind != t.Kind
	if news {
		entry = TroubleSince{Source: source, Since: s.now(), logged: s.now()}
	}
	entry.Trouble = t
	s.syncs[sync][source] = entry
	s.mu.Unlock()
	if news {
		s.held("sync is held up", sync, &entry)
	}
	return news
}

// Clear takes the source's trouble away and reports whether there was one.
func (s *Status) Clear(sync, source string) bool {
	s.mu.Lock()
	entry, had := s.syncs[sync][source]
	delete(s.syncs[sync], source)
	s.mu.Unlock()
	if had {
		s.log.Info("sync goes on", "sync", sync, "kind", entry.Kind, "held_up_for", s.lasted(&entry))
	}
	return had
}

// Remind logs trouble that lasts, every hour, until ctx ends.
func (s *Status) Remind(ctx context.Context) {
	for Wait(ctx, time.Minute) == nil {
		for sync, entry := range s.due() {
			s.held("sync is still held up", sync, &entry)
		}
	}
}

// due are the troubles that were not logged for an hour, at most one of a sync.
func (s *Status) due() map[string]TroubleSince {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := map[string]TroubleSince{}
	for sync, sources := range s.syncs {
		for source, entry := range sources {
			if s.now().Sub(entry.logged) >= time.Hour {
				entry.logged = s.now()
				sources[source], list[sync] = entry, entry
			}
		}
	}
	return list
}

func (s *Status) held(message, sync string, t *TroubleSince) {
	level := slog.LevelWarn
	switch {
	case t.Kind == TroublePaused: // on purpose
		level = slog.LevelInfo
	case t.Stop:
		level = slog.LevelError
	}
	s.log.Log(context.Background(), level, message, "sync", sync, "kind", t.Kind, "what", t.What, "needs_operator", t.Stop, "for", s.lasted(t))
}

// lasted is how long a trouble has lasted, as a person reads it: 14.8s.
func (s *Status) lasted(t *TroubleSince) string {
	return s.now().Sub(t.Since).Round(100 * time.Millisecond).String()
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
