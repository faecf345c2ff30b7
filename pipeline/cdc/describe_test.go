package cdc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
)

// describe prints a change for a person to compare: everything but its key, which is the record's.
func describe(c *pipeline.Change, err error) string {
	var b strings.Builder
	if err != nil {
		return describeError(err)
	}
	fmt.Fprintf(&b, "op: %s\n", c.Op)
	if c.BeforeComplete {
		b.WriteString("before complete\n")
	}
	if c.Partial {
		b.WriteString("partial\n")
	}
	if c.KeyRow {
		b.WriteString("key row\n")
	}
	if c.Source.Connector != "" || c.Source.Table != "" || !c.Source.Time.IsZero() {
		fmt.Fprintf(&b, "source: %s %s %s %s\n", c.Source.Connector, c.Source.Table, c.Source.Time.Format("2006-01-02T15:04:05.000Z07:00"),
			positionText(&c.Source))
	}
	describeImage(&b, "older", c.Shape, &c.Older)
	describeImage(&b, "before", c.Shape, &c.Before)
	describeImage(&b, "after", c.Shape, &c.After)
	sorted := make([]string, len(c.Shape.Sorted))
	for i, n := range c.Shape.Sorted {
		sorted[i] = c.Shape.Names[n]
	}
	fmt.Fprintf(&b, "columns: %s\n", strings.Join(sorted, " "))
	return b.String()
}

// positionText is the change's place in the database's log, "" when unknown.
func positionText(s *pipeline.Source) string {
	if s.Pos == 0 {
		return string(s.Log)
	}
	return strings.TrimPrefix(fmt.Sprintf("%s:%d", s.Log, s.Pos), ":")
}

func describeError(err error) string {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		return fmt.Sprintf("rejected: %s %s\nfield: %s\nrule: %s\ndetail: %s\n", r.Stage, r.Reason, r.Field, r.Rule, r.Detail)
	}
	if t, ok := errors.AsType[*pipeline.Trouble](err); ok {
		return fmt.Sprintf("trouble: %s stop=%t\n%s\n", t.Kind, t.Stop, t.What)
	}
	return err.Error() + "\n"
}

func describeImage(b *strings.Builder, name string, shape *pipeline.Shape, m *pipeline.Image) {
	if !m.Present {
		return
	}
	fmt.Fprintf(b, "%s:\n", name)
	for i, column := range shape.Names {
		fmt.Fprintf(b, "  %s: %s\n", column, describeValue(m.Value(i)))
	}
}

func describeValue(v pipeline.Value) string {
	switch v.Kind() {
	case pipeline.List:
		return "list [" + describeAll(v) + "]"
	case pipeline.Struct:
		return "struct {" + describeAll(v) + "}"
	case pipeline.Null, pipeline.Missing, pipeline.Unavailable:
		return v.Kind().String()
	}
	return fmt.Sprintf("%s %s", v.Kind(), v.Text())
}

func describeAll(v pipeline.Value) string {
	var all []string
	for i, e := range v.Elems() {
		text := describeValue(e)
		if v.Kind() == pipeline.Struct {
			text = v.Names()[i] + ": " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
