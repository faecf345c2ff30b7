package deadletter

import (
	"cmp"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// By are the things letters can be counted by, in the order of a table's columns.
var By = []string{"sync", "reason", "class", "field", "day", "topic"}

// Count is how many letters have the same in common.
type Count struct {
	Sync   string    `json:"sync,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Class  string    `json:"class,omitempty"`
	Field  string    `json:"field,omitempty"`
	Day    string    `json:"day,omitempty"` // UTC
	Topic  string    `json:"topic,omitempty"`
	Rows   int64     `json:"rows"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Column is what the count's letters have in common.
func (c *Count) Column(by string) string {
	return map[string]string{"sync": c.Sync, "reason": c.Reason, "class": c.Class, "field": c.Field, "day": c.Day, "topic": c.Topic}[by]
}

// Tally counts letters by some of By. Its memory is a map of the groups, not of the letters.
type Tally struct {
	by     []string
	groups map[string]*Count
	key    []byte
	Rows   int64
}

// NewTally counts by what is named; none means all together.
func NewTally(by []string) *Tally { return &Tally{by: by, groups: map[string]*Count{}} }

// Add counts a letter.
func (t *Tally) Add(r *pipeline.Record, h *Head) {
	t.Rows++
	t.key = t.key[:0]
	for _, by := range t.by {
		t.key = append(append(t.key, t.part(by, r, h)...), 0)
	}
	c := t.groups[string(t.key)]
	if c == nil {
		c = t.group(r, h)
		t.groups[string(t.key)] = c
	}
	c.Rows++
	if r.Timestamp.Before(c.First) {
		c.First = r.Timestamp
	}
	if r.Timestamp.After(c.Last) {
		c.Last = r.Timestamp
	}
}

// part is the letter's own value of what is counted by.
func (t *Tally) part(by string, r *pipeline.Record, h *Head) []byte {
	switch by {
	case "sync":
		return h.Sync
	case "reason":
		return h.Reason
	case "class":
		return h.Class
	case "field":
		return h.Field
	case "topic":
		return h.Topic
	}
	if len(h.Failed) >= len(time.DateOnly) {
		return h.Failed[:len(time.DateOnly)]
	}
	return r.Timestamp.UTC().AppendFormat(nil, time.DateOnly)
}

func (t *Tally) group(r *pipeline.Record, h *Head) *Count {
	c := &Count{First: r.Timestamp, Last: r.Timestamp}
	for _, by := range t.by {
		value := string(t.part(by, r, h))
		*map[string]*string{"sync": &c.Sync, "reason": &c.Reason, "class": &c.Class, "field": &c.Field, "day": &c.Day, "topic": &c.Topic}[by] = value
	}
	return c
}

// Counts are the groups, in the order of By with the newest day first, larger groups first among equals.
func (t *Tally) Counts() []Count {
	var list []Count
	for _, c := range t.groups {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Sync, b.Sync), cmp.Compare(b.Day, a.Day), cmp.Compare(b.Rows, a.Rows),
			cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Topic, b.Topic))
	})
	return list
}
