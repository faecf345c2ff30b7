package daemon

import (
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// warnOfOldRows says of each sync whose expressions read the old row where its source may not write one: nothing in a
// record tells, and on PostgreSQL's default every update would be rejected. It is for a configuration without problems.
func (c *Config) warnOfOldRows(at settings.Place) {
	for i := range c.Syncs {
		f, err := NewFlow(&c.Syncs[i], time.Now, nil)
		if err != nil {
			continue // starting says it
		}
		if rule, hint := f.OldRows(); rule != "" {
			at.Key("syncs").Index(i).Key("before_image").Warn(rule, hint)
		}
	}
}

// OldRows says what stands against the old columns that the sync reads; "" where nothing does.
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
