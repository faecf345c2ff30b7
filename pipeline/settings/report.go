package settings

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Problem is one thing that is wrong with a configuration. It never holds the value it speaks of.
type Problem struct {
	File    string // as the caller of Load named it; may be ""
	Line    int    // 0 when nothing in the text stands for it
	Column  int
	Path    string // syncs[0].web_events.pixel_code; "" for the whole text
	Rule    string // what must hold
	Hint    string // what to do about it
	Warning bool   // worth saying, but no reason not to start

	excerpt string // the line of a text that is not YAML, as far as it holds no value
}

// String is what a person reads and an editor jumps to:
// tokrelay.yaml:14:7: error: syncs[0].web_events.pixel_code: required (find it in Events Manager).
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File + ":")
	}
	if p.Line > 0 {
		b.WriteString(strconv.Itoa(p.Line) + ":" + strconv.Itoa(max(1, p.Column)) + ":")
	}
	if b.Len() > 0 {
		b.WriteString(" ")
	}
	b.WriteString(p.Severity() + ": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Rule)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	if p.excerpt != "" {
		b.WriteString("\n" + p.excerpt)
	}
	return b.String()
}

// Severity is error or warning.
func (p Problem) Severity() string {
	if p.Warning {
		return "warning"
	}
	return "error"
}

// Report collects every problem and warning of one configuration. Its zero value is empty and ready. It is filled by
// Load and then by the Validate of every Config, one after the other, not in parallel.
type Report struct {
	File string // what its problems are said to be in

	problems []Problem
	root     *Node
	loading  bool
	of       reflect.Type // what is loaded
}

// Problems are all of them, warnings included, from the top of the text to its end, each once.
func (r *Report) Problems() []Problem {
	sorted := slices.Clone(r.problems)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule))
	})
	for i := range sorted {
		sorted[i].File = r.File
	}
	return slices.Compact(sorted)
}

// Err holds all problems, one a line, or is nil when there are only warnings.
func (r *Report) Err() error {
	var lines []string
	for _, p := range r.Problems() {
		if !p.Warning {
			lines = append(lines, p.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

func (r *Report) add(at position, path, rule, hint string, warning bool) {
	r.problems = append(r.problems, Problem{Line: at.line, Column: at.column, Path: path, Rule: rule, Hint: hint, Warning: warning})
}
