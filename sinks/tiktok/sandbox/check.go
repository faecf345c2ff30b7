package sandbox

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// stage orders the checks of a body: a type error anywhere in it is told before a missing field anywhere, and so on.
type stage uint8

const (
	stageTypes stage = iota
	stageRequired
	stageValues
	stageNone // nothing found
)

// step is one element of the path of the value being checked: a name, or an index where name is empty.
type step struct {
	name  string
	index int
}

// check walks one body and keeps the first problem of the earliest stage, and the warnings.
// It belongs to one call.
type check struct {
	s       *Sandbox
	now     time.Time
	source  string // event_source of the call
	path    []step
	stage   stage
	problem *refusal

	warnings map[Warning]int64
}

func (s *Sandbox) check(now time.Time) *check {
	return &check{s: s, now: now, stage: stageNone}
}

// done says that nothing found later could be told instead of what was found.
func (c *check) done() bool { return c.stage == stageTypes }

func (c *check) at(name string)   { c.path = append(c.path, step{name: name}) }
func (c *check) atIndex(i int)    { c.path = append(c.path, step{index: i}) }
func (c *check) leave()           { c.path = c.path[:len(c.path)-1] }
func (c *check) where() string    { return c.place("") }
func (c *check) ok() bool         { return c.stage == stageNone }
func (c *check) result() *refusal { return c.problem }

// place is the path of the value at hand, or of a field of it.
func (c *check) place(field string) string {
	var b strings.Builder
	for _, s := range c.path {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if s.name == "" {
			b.WriteString(strconv.Itoa(s.index))
		} else {
			b.WriteString(s.name)
		}
	}
	if b.Len() > 0 && field != "" {
		b.WriteByte('.')
	}
	return b.String() + field
}

// wrong records a problem with the value at hand; rule says what TikTok would say of it.
func (c *check) wrong(at stage, code int, rule string) {
	if at < c.stage {
		c.stage, c.problem = at, refuse(code, "%s%s", c.where(), rule)
	}
}

func (c *check) wrongType(want string) { c.wrong(stageTypes, codeParameter, ": Not a valid "+want) }
func (c *check) wrongValue(rule string) {
	c.wrong(stageValues, codeParameter, ": "+rule)
}

// missing records required fields that are absent from the object at hand.
func (c *check) missing(fields ...string) {
	if stageRequired >= c.stage {
		return
	}
	places := make([]string, len(fields))
	for i, f := range fields {
		places[i] = c.place(f)
	}
	c.stage, c.problem = stageRequired, missing(places...)
}

// warn counts a warning about the value at hand, or refuses it where the configuration says so.
func (c *check) warn(w Warning) {
	if slices.Contains(c.s.cfg.Refuse, w) {
		c.wrong(stageValues, codeParameter, ": refused as "+string(w)+".")
		return
	}
	if c.warnings == nil {
		c.warnings = map[Warning]int64{}
	}
	c.warnings[w]++
}
