package replay

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// action is the replay in the list of actions.
func (r *Replay) action() daemon.Action {
	a := daemon.Action{What: "replay", By: r.options.By, Detail: strings.TrimSpace(r.options.words() + " (" + r.ID() + ")")}
	if named := r.options.Filter.Syncs; len(named) == 1 {
		a.Sync = named[0]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a.Of = r.report.Rows
	return a
}

// words are which letters were chosen. A key is left out: it may be personal data.
func (o *Options) words() string {
	f := &o.Filter
	var parts []string
	add := func(format string, on bool, a ...any) {
		if on {
			parts = append(parts, fmt.Sprintf(format, a...))
		}
	}
	add("syncs %s", len(f.Syncs) > 1, strings.Join(f.Syncs, ", "))
	add("%s", len(f.Reasons) > 0, strings.Join(f.Reasons, ", "))
	add("class %s", len(f.Classes) > 0, strings.Join(f.Classes, ", "))
	add("field %s", len(f.Fields) > 0, strings.Join(f.Fields, ", "))
	add("of topic %s", len(f.Topics) > 0, strings.Join(f.Topics, ", "))
	add("rejected since %s", !f.Since.IsZero(), f.Since.UTC().Format(time.RFC3339))
	add("rejected before %s", !f.Until.IsZero(), f.Until.UTC().Format(time.RFC3339))
	add("of batch %s", f.Batch != "", f.Batch)
	add("of one event id", f.EventID != "")
	add("of one key", f.Key != nil)
	add("%d chosen rows", len(f.Rows) > 0, len(f.Rows))
	add("at most %d rows", o.Limit > 0, o.Limit)
	add("%v rows a second", o.Rate > 0, o.Rate)
	add("repaired ones, too", o.All)
	if len(parts) == 0 {
		return "all open letters"
	}
	return strings.Join(parts, ", ")
}

// words are what came of a replay; nothing is known of one that did not begin.
func (r *Report) words() string {
	if r == nil {
		return ""
	}
	rejected := r.settled() - r.Delivered - r.Gone
	for _, n := range r.Skipped {
		rejected -= n
	}
	return fmt.Sprintf("%d delivered, %d rejected again, %d skipped, %d left", r.Delivered, rejected, r.settled()-r.Delivered-r.Gone-rejected, r.Left)
}
