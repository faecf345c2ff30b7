package rehearse

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Difference is how rows come out otherwise than with the older configuration.
type Difference struct {
	Rows     int64               `json:"rows"`
	Kinds    []Otherwise         `json:"kinds"`
	Audience *AudienceDifference `json:"audience,omitempty"`
}

// Any reports whether anything differs.
func (d *Difference) Any() bool {
	a := d.Audience
	return d.Rows > 0 || a != nil && a.Enter+a.Leave+a.Changed > 0
}

// Otherwise is rows that differ in the same way.
type Otherwise struct {
	Was   string   `json:"was"`
	Is    string   `json:"is"`
	Rows  int64    `json:"rows"`
	First []string `json:"first"` // positions of some
}

// mostPlaces is how many positions of a kind are told.
const mostPlaces = 3

func (t *tally) words() (list []string) {
	for _, at := range t.first {
		list = append(list, at.String())
	}
	return list
}

func (o outcome) String() string {
	return strings.Join(slices.DeleteFunc([]string{o.what, o.reason, o.field}, func(s string) bool { return s == "" }), " ")
}

// change is from one outcome to another. Where both are sent, the field of is says which fields of the items differ.
type change struct{ was, is outcome }

// difference counts changes. It belongs to one goroutine.
type difference struct {
	kinds    map[change]*tally
	now, old []field // memory
}

func newDifference() *difference { return &difference{kinds: map[change]*tally{}} }

func (d *difference) compare(r *pipeline.Record, now, old *side) {
	c := change{old.outcome, now.outcome}
	if c.was == c.is {
		if c.is.what != sent || d.same(now, old) {
			return
		}
		c.is.field = d.fields(now, old)
	}
	d.of(c).note(r, mostPlaces)
}

func (d *difference) same(now, old *side) bool {
	if now.people != nil && old.people != nil {
		return owners.SameSet(now.digests, old.digests)
	}
	a, b := now.trial.Items(), old.trial.Items()
	if len(a.List) != len(b.List) {
		return false
	}
	for i := range a.List {
		if a.Envelope(i) != b.Envelope(i) || !bytes.Equal(a.Body(i), b.Body(i)) {
			return false
		}
	}
	return true
}

func (d *difference) of(c change) *tally {
	t := d.kinds[c]
	if t == nil && len(d.kinds) >= mostGroups {
		c = change{outcome{what: "others"}, outcome{what: "others"}}
		t = d.kinds[c]
	}
	if t == nil {
		t = &tally{}
		d.kinds[c] = t
	}
	return t
}

func (d *difference) plus(o *difference) {
	for c, t := range o.kinds {
		d.of(c).plus(t, mostPlaces)
	}
}

func (d *difference) report() *Difference {
	out := &Difference{Kinds: []Otherwise{}}
	for c, t := range d.kinds {
		out.Rows += t.rows
		is := c.is.String()
		if c.was.what == sent && c.is.what == sent {
			is = "sent with other " + c.is.field
		}
		out.Kinds = append(out.Kinds, Otherwise{c.was.String(), is, t.rows, t.words()})
	}
	slices.SortFunc(out.Kinds, func(a, b Otherwise) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Was, b.Was), cmp.Compare(a.Is, b.Is))
	})
	return out
}

// fields names what differs between what both sides send of a row.
func (d *difference) fields(now, old *side) string {
	if now.people != nil && old.people != nil {
		return kindsApart(now.digests, old.digests)
	}
	a, b := now.trial.Items(), old.trial.Items()
	if (now.people != nil) != (old.people != nil) {
		return "kind of sync"
	}
	if len(a.List) != len(b.List) {
		return fmt.Sprintf("number of events: %d, was %d", len(a.List), len(b.List))
	}
	var names []string
	for i := range a.List {
		if a.Envelope(i) != b.Envelope(i) {
			names = append(names, "destination")
		}
		d.now, d.old = appendFields(d.now[:0], a.Body(i)), appendFields(d.old[:0], b.Body(i))
		names = apart(apart(names, d.now, d.old), d.old, d.now)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// field is a member of an event, or of one of its objects. It aliases the event.
type field struct{ object, name, value []byte }

func appendFields(list []field, body []byte) []field {
	for w := jsontext.Walk(body); w.Next(); {
		if jsontext.First(w.Value) != '{' {
			list = append(list, field{nil, w.Name, w.Value})
			continue
		}
		for in := jsontext.Walk(w.Value); in.Next(); {
			list = append(list, field{w.Name, in.Name, in.Value})
		}
	}
	return list
}

// apart appends the names of the fields of which the others have none, or another value.
func apart(names []string, list, others []field) []string {
	for _, f := range list {
		same := func(o field) bool {
			return bytes.Equal(o.object, f.object) && bytes.Equal(o.name, f.name) && bytes.Equal(o.value, f.value)
		}
		if slices.ContainsFunc(others, same) {
			continue
		}
		name := string(f.name)
		if f.object != nil {
			name = string(f.object) + "." + name
		}
		names = append(names, name)
	}
	return names
}

// kindsApart names the types of the identifiers that one set has and the other has not.
func kindsApart(a, b []byte) string {
	var names []string
	for _, sets := range [][2][]byte{{a, b}, {b, a}} {
		for d, rest := owners.Next(sets[0]); d != nil; d, rest = owners.Next(rest) {
			if !owners.Holds(sets[1], d) {
				kind, _, _ := owners.Parts(d)
				names = append(names, kind.Name())
			}
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}
