package daemon

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// What a sync's columns are warned of, though its configuration is valid.

// operationColumns hold what happened to a plain row: in a snapshot of the row they differ from its insert.
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
	log *slog.Logger // nil: nothing is logged

	mu    sync.Mutex
	names []string
}

// LoadRule is the warning about such a column, LoadCure what to do.
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

// warnOfOldRows warns of syncs whose expressions read the old row where the source may not write one: no record shows it,
// and on PostgreSQL's default every update would be rejected. It is for a configuration without problems.
func (c *Config) warnOfOldRows(at settings.Place) {
	for i := range c.Syncs {
		f, err := NewFlow(&c.Syncs[i], time.Now, nil)
		if err != nil {
			continue // the start reports it
		}
		if rule, hint := f.OldRows(); rule != "" {
			at.Key("syncs").Index(i).Key("before_image").Warn(rule, hint)
		}
	}
}

// OldRows is why the old columns that the sync reads may be missing, and what to do; "" where they are not.
func (f *Flow) OldRows() (rule, hint string) {
	if len(f.Old) == 0 {
		return "", ""
	}
	reads, s := oldNames(f.Old), f.Sync
	sends := func(op pipeline.Op) bool { return s.On.Sends(f.sink.gate, op) }
	switch {
	case !sends(pipeline.Update) && !sends(pipeline.Delete):
		return reads + " is NULL in every row that is sent: new rows have no old one", "send updates (on: {update: send}), or take it out"
	case s.Format == "flat" && sends(pipeline.Update):
		return reads + " is not known of updates: a plain row has no old one, and every update is rejected", "read Debezium's envelope, or take it out"
	case s.BeforeImage != "full":
		return reads + " is known only where the source writes whole old rows; PostgreSQL's default is the key alone, and every update is then rejected",
			"write before_image: full once it does (PostgreSQL: REPLICA IDENTITY FULL; MySQL: binlog_row_image=FULL)"
	}
	return "", ""
}

// oldNames are columns as expressions write them.
func oldNames(columns []string) string {
	names := slices.Clone(columns)
	for i := range names {
		names[i] = "before." + names[i]
	}
	return strings.Join(names, ", ")
}
