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
	terse   bool   // Events API 2.0: a refusal names the field, in one text for missing and wrong, and no place
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

// wrong records a problem with the value at hand; rule is the rule it breaks, as a sentence.
func (c *check) wrong(at stage, code int, rule string) {
	if at >= c.stage {
		return
	}
	if c.terse {
		rule = "Invalid value for " + c.field() + ": " + strings.ToLower(rule[:1]) + strings.TrimSuffix(rule[1:], ".") + "."
	} else {
		rule = c.where() + ": " + rule
	}
	c.stage, c.problem = at, &refusal{code: code, message: rule, place: c.where()}
}

func (c *check) wrongType(want string) { c.wrong(stageTypes, codeParameter, "Not a valid "+want) }
func (c *check) wrongValue(rule string) {
	c.wrong(stageValues, codeParameter, rule)
}

// field is the name of the value at hand, or of the list it is in.
func (c *check) field() string {
	for _, s := range slices.Backward(c.path) {
		if s.name != "" {
			return s.name
		}
	}
	return "data"
}

// missing records required fields, all of them texts, that are absent from the object at hand.
func (c *check) missing(fields ...string) {
	if c.terse {
		c.missingText(fields[0])
		return
	}
	if stageRequired >= c.stage {
		return
	}
	places := make([]string, len(fields))
	for i, f := range fields {
		places[i] = c.place(f)
	}
	c.stage, c.problem = stageRequired, missing(places...)
	c.problem.place = places[0]
}

// missingText refuses an absent text as TikTok refuses one that is not a text.
func (c *check) missingText(path string) {
	depth := len(c.path)
	for name := range strings.SplitSeq(path, ".") {
		c.at(name)
	}
	c.wrongType("string")
	c.path = c.path[:depth]
}

// warn counts a warning about the value at hand, or refuses it where the configuration says so.
func (c *check) warn(w Warning) {
	if slices.Contains(c.s.cfg.Refuse, w) {
		c.wrong(stageValues, codeParameter, "refused as "+string(w)+".")
		return
	}
	if c.warnings == nil {
		c.warnings = map[Warning]int64{}
	}
	c.warnings[w]++
}
