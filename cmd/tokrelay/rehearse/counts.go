package rehearse

import (
	"cmp"
	"errors"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// outcome is what becomes of a row: it is sent, or rejected or skipped for a reason.
type outcome struct{ what, stage, reason, field string }

// The kinds of outcomes, as in the report.
const (
	sent     = "sent"
	rejected = "rejected"
	skipped  = "skipped"
)

// outcomeOf reads what the steps return; false: the row has no outcome.
func outcomeOf(err error) (outcome, bool) {
	if err == nil {
		return outcome{what: sent}, true
	}
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		return outcome{rejected, string(r.Stage), string(r.Reason), r.Field}, true
	}
	if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		return outcome{what: skipped, reason: string(skip)}, true
	}
	return outcome{}, false
}

// Result is what one configuration makes of the rows.
type Result struct {
	Config   string  `json:"config"`
	Sent     int64   `json:"sent"`
	Rejected int64   `json:"rejected"`
	Skipped  int64   `json:"skipped"`
	Reasons  []Group `json:"reasons,omitempty"`  // of rejected and skipped rows
	Events   []Event `json:"events,omitempty"`   // of web events
	Audience *Size   `json:"audience,omitempty"` // of an audience
}

// RejectedShare is the share of the rows that were not skipped.
func (r *Result) RejectedShare() float64 {
	return float64(r.Rejected) / float64(max(r.Sent+r.Rejected, 1))
}

// Group is rows with one outcome.
type Group struct {
	Outcome string `json:"outcome"`
	Stage   string `json:"stage,omitempty"`
	Reason  string `json:"reason"`
	Field   string `json:"field,omitempty"`
	Rows    int64  `json:"rows"`
	First   string `json:"first"` // the position of one of them
}

// tally counts rows, and remembers where the first ones are.
type tally struct {
	rows  int64
	first []pipeline.Position // the lowest ones, in order; few
}

// note counts a row. Of a partition they come in order.
func (t *tally) note(r *pipeline.Record, most int) {
	t.rows++
	t.places([]pipeline.Position{{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}}, most)
}

func (t *tally) plus(o *tally, most int) {
	t.rows += o.rows
	t.places(o.first, most)
}

// places keeps the lowest.
func (t *tally) places(more []pipeline.Position, most int) {
	if len(t.first) == most && comparePositions(more[0], t.first[most-1]) > 0 {
		return
	}
	t.first = append(t.first, more...)
	slices.SortFunc(t.first, comparePositions)
	t.first = t.first[:min(most, len(t.first))]
}

func comparePositions(a, b pipeline.Position) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// mostGroups is how many outcomes are told apart; fields may be named by rows.
const mostGroups = 1000

// counts are what one side has made of the rows it has seen.
type counts struct {
	groups map[outcome]*tally
	names  map[string]*event
}

func newCounts() *counts {
	return &counts{groups: map[outcome]*tally{}, names: map[string]*event{}}
}

func (c *counts) add(o outcome, r *pipeline.Record) { c.group(o).note(r, 1) }

func (c *counts) group(o outcome) *tally {
	t := c.groups[o]
	if t == nil && len(c.groups) >= mostGroups {
		o.stage, o.reason, o.field = "", "others", ""
		t = c.groups[o]
	}
	if t == nil {
		t = &tally{}
		c.groups[o] = t
	}
	return t
}

func (c *counts) plus(o *counts) {
	for which, t := range o.groups {
		c.group(which).plus(t, 1)
	}
	for name, e := range o.names {
		c.event(name).plus(e)
	}
}

func (c *counts) result(config string) *Result {
	r := &Result{Config: config}
	for o, t := range c.groups {
		switch o.what {
		case sent:
			r.Sent += t.rows
			continue
		case rejected:
			r.Rejected += t.rows
		case skipped:
			r.Skipped += t.rows
		}
		r.Reasons = append(r.Reasons, Group{o.what, o.stage, o.reason, o.field, t.rows, t.words()[0]})
	}
	slices.SortFunc(r.Reasons, func(a, b Group) int {
		return cmp.Or(cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Field, b.Field))
	})
	for name, e := range c.names {
		r.Events = append(r.Events, e.report(name))
	}
	slices.SortFunc(r.Events, func(a, b Event) int { return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(a.Event, b.Event)) })
	return r
}
