package daemon

import (
	"log/slog"
	"slices"
	"sync"
)

// operationColumns say what happened to a plain row: a snapshot of it says something else than its insert did.
func (s *Sync) operationColumns() (names []string) {
	if s.Operation != nil {
		names = append(names, s.Operation.Column, s.Operation.UpdateFlag)
	}
	if s.DeletedWhen != nil {
		names = append(names, s.DeletedWhen.Column)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// LoadColumns are the columns of a sync's rows that are part of their event ids and look as if each load changed them.
type LoadColumns struct {
	log *slog.Logger // nil: nothing is said

	mu    sync.Mutex
	names []string
}

// What is said of such a column, and what to do.
const (
	LoadRule = "looks as if each load of the row changes it, and is part of the default event_id: the same row would count twice"
	LoadCure = "name the columns that make the event: event_id: {column: id}, or {columns: [a, b]}"
)

// Add warns of a column, once.
func (l *LoadColumns) Add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.names, name) {
		return
	}
	if l.names = append(l.names, name); l.log != nil {
		l.log.Warn("a column "+LoadRule, "column", name, "cure", LoadCure)
	}
}

// Names are the columns warned of so far.
func (l *LoadColumns) Names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.names)
}
