package rehearse

import (
	"math"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/sinks/events"
)

// Event is what is sent under one name.
type Event struct {
	Event  string           `json:"event"`
	Events int64            `json:"events"`
	Keys   map[string]int64 `json:"match_keys"`       // events that have the field, such as user.email
	Values map[string]Value `json:"values,omitempty"` // by currency; "" where an event has none
}

// Value is the sum of properties.value.
type Value struct {
	Events int64   `json:"events"`
	Sum    float64 `json:"sum"`
}

// event counts what is sent under one name.
type event struct {
	events int64
	keys   map[string]*key // by field, without the object it is in: no two objects have one of the same name
	values map[string]*sum // by currency
}

// key counts the events that have a field; nil where the field is no match key.
type key struct {
	field string
	n     int64
}

// sum adds up without losing what is small (Neumaier).
type sum struct {
	n         int64
	all, lost float64
}

func (s *sum) add(v float64) {
	t := s.all + v
	if math.Abs(s.all) >= math.Abs(v) {
		s.lost += s.all - t + v
	} else {
		s.lost += v - t + s.all
	}
	s.all = t
}

// mostNames is how many names, and how many currencies of a name, are told apart: rows may name their events.
const mostNames = 500

func (c *counts) event(name string) *event {
	e := c.names[name]
	if e == nil && len(c.names) >= mostNames {
		name = "others"
		e = c.names[name]
	}
	if e == nil {
		e = &event{keys: map[string]*key{}, values: map[string]*sum{}}
		c.names[name] = e
	}
	return e
}

// events counts what a row became.
func (c *counts) events(items *pipeline.Items) {
	for i := range items.List {
		body := items.Body(i)
		e := c.names[string(events.NameIn(body))]
		if e == nil {
			e = c.event(string(events.NameIn(body)))
		}
		e.count(body)
	}
}

func (e *event) count(body []byte) {
	e.events++
	for w := jsontext.Walk(body); w.Next(); {
		switch string(w.Name) {
		case "user", "ad", "lead":
			e.matchKeys(w.Name, w.Value)
		case "properties":
			e.value(w.Value)
		}
	}
}

func (e *event) matchKeys(object, members []byte) {
	for w := jsontext.Walk(members); w.Next(); {
		k, known := e.keys[string(w.Name)]
		if !known {
			if field := string(object) + "." + string(w.Name); events.IsMatchKey(field) {
				k = &key{field: field}
			}
			e.keys[string(w.Name)] = k
		}
		if k != nil {
			k.n++
		}
	}
}

func (e *event) value(properties []byte) {
	var value, currency []byte
	for w := jsontext.Walk(properties); w.Next(); {
		switch string(w.Name) {
		case "value":
			value = w.Value
		case "currency":
			currency = w.Value
		}
	}
	v, err := strconv.ParseFloat(string(value), 64)
	if err != nil {
		return // none
	}
	if len(currency) > 1 {
		currency = currency[1 : len(currency)-1]
	}
	s := e.sum(string(currency))
	s.n++
	s.add(v)
}

func (e *event) sum(currency string) *sum {
	s := e.values[currency]
	if s == nil && len(e.values) >= mostNames {
		currency = "others"
		s = e.values[currency]
	}
	if s == nil {
		s = &sum{}
		e.values[currency] = s
	}
	return s
}

func (e *event) plus(o *event) {
	e.events += o.events
	for name, k := range o.keys {
		switch mine := e.keys[name]; {
		case k == nil:
		case mine == nil:
			e.keys[name] = k
		default:
			mine.n += k.n
		}
	}
	for currency, s := range o.values {
		mine := e.sum(currency)
		mine.n += s.n
		mine.add(s.all)
		mine.add(s.lost)
	}
}

func (e *event) report(name string) Event {
	out := Event{Event: name, Events: e.events, Keys: map[string]int64{}}
	for _, k := range e.keys {
		if k != nil {
			out.Keys[k.field] = k.n
		}
	}
	for currency, s := range e.values {
		if out.Values == nil {
			out.Values = map[string]Value{}
		}
		out.Values[currency] = Value{s.n, math.Round((s.all+s.lost)*1e6) / 1e6}
	}
	return out
}
