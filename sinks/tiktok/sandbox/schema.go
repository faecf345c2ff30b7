package sandbox

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// field is what the simulator knows about one member of an object: its name and its rule.
type field struct {
	name     string
	rule     func(*check, value)
	required bool
}

// schema is the documented shape of an object.
type schema struct {
	fields   map[string]field
	required []string
	unknown  Warning
}

// shape makes a schema; the names of required fields end in "!".
func shape(unknown Warning, rules map[string]func(*check, value)) *schema {
	s := &schema{fields: map[string]field{}, unknown: unknown}
	for name, rule := range rules {
		plain, required := strings.CutSuffix(name, "!")
		s.fields[plain] = field{plain, rule, required}
		if required {
			s.required = append(s.required, plain)
		}
	}
	slices.Sort(s.required)
	return s
}

// object applies a schema to the value at hand.
func (c *check) object(v value, s *schema) {
	if v.kind() != jsontext.Object {
		c.wrongType("object")
		return
	}
	required := 0
	for m := range v.each {
		f, known := s.fields[string(m.key())]
		if !known {
			c.unknown(m, s.unknown)
			continue
		}
		if f.required {
			required++
		}
		c.at(f.name)
		f.rule(c, m)
		c.leave()
		if c.done() {
			return
		}
	}
	c.repeated(v)
	if required < len(s.required) {
		c.absent(v, s)
	}
}

func (c *check) unknown(m value, w Warning) {
	c.at(string(m.key()))
	c.warn(w)
	c.leave()
}

// absent names the required fields that are not there. It runs only when the count is short.
func (c *check) absent(v value, s *schema) {
	names := slices.DeleteFunc(slices.Clone(s.required), func(name string) bool {
		_, ok := v.get(name)
		return ok
	})
	switch {
	case len(names) == 0:
	case c.terse:
		c.at(names[0])
		s.fields[names[0]].rule(c, value{})
		c.leave()
	default:
		c.missing(names...)
	}
}

// repeated looks for a member named twice.
func (c *check) repeated(v value) {
	var room [32][]byte
	names := room[:0]
	for m := range v.each {
		key := m.key()
		for _, name := range names {
			if bytes.Equal(key, name) {
				c.unknown(m, RepeatedField)
			}
		}
		names = append(names, key)
	}
}

// list applies a rule to each element of the array at hand.
func (c *check) list(v value, rule func(*check, value)) {
	if !v.isList() {
		c.wrongType("list")
		return
	}
	i := 0
	for e := range v.each {
		c.atIndex(i)
		rule(c, e)
		c.leave()
		if c.done() {
			return
		}
		i++
	}
}
