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

// loadColumns are the columns of a sync's rows that are part of their event ids and look as if each load changed them.
type loadColumns struct {
	log *slog.Logger // nil: nothing is said

	mu    sync.Mutex
	names []string
}

const (
	loadRule = "looks as if each load of the row changes it, and is part of the default event_id: the same row would count twice"
	loadCure = "name the columns that make the event: event_id: {column: id}, or {columns: [a, b]}"
)

// add warns of a column, once.
func (l *loadColumns) add(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.names, name) {
		return
	}
	if l.names = append(l.names, name); l.log != nil {
		l.log.Warn("a column "+loadRule, "column", name, "cure", loadCure)
	}
}

// findings are what check --online says of them.
func (l *loadColumns) findings(sync string) (list []Finding) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range l.names {
		list = append(list, Finding{FindingWarn, "sync " + sync, "column " + name + " " + loadRule, loadCure})
	}
	return list
}
