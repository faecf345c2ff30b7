package mapping

import (
	"slices"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

func clockAtNoon() time.Time { return noon }

type columns map[string]pipeline.Value

func str(s string) pipeline.Value  { return pipeline.StringValue([]byte(s)) }
func jsn(s string) pipeline.Value  { return pipeline.JSONValue([]byte(s)) }
func num(n int64) pipeline.Value   { return pipeline.IntValue(n) }
func flt(f float64) pipeline.Value { return pipeline.FloatValue(f) }

// change makes a change of images whose columns are in the order asked for.
func change(cols *Columns, op pipeline.Op, before, after columns) *pipeline.Change {
	c := &pipeline.Change{Op: op, Shape: &pipeline.Shape{}, BeforeComplete: before != nil}
	c.Shape.Names, _ = cols.Wanted()
	for _, image := range []columns{before, after} {
		for name := range image {
			if !slices.Contains(c.Shape.Names, name) {
				c.Shape.Names = append(c.Shape.Names, name)
			}
		}
	}
	for i := range c.Shape.Names {
		c.Shape.Sorted = append(c.Shape.Sorted, int32(i))
	}
	slices.SortFunc(c.Shape.Sorted, func(a, b int32) int {
		if c.Shape.Names[a] < c.Shape.Names[b] {
			return -1
		}
		return 1
	})
	c.Before, c.After = image(c.Shape, before), image(c.Shape, after)
	return c
}

func image(s *pipeline.Shape, values columns) pipeline.Image {
	m := pipeline.Image{Present: values != nil}
	for _, name := range s.Names {
		m.Values = append(m.Values, values[name])
	}
	return m
}

// field reads a field's YAML.
func field(t testing.TB, text string) Field {
	t.Helper()
	config := struct {
		F Field `yaml:"f"`
	}{}
	report := settings.Load([]byte("f: "+text), &config, settings.Lookup{})
	config.F.Validate(settings.Root(report).Key("f"))
	if err := report.Err(); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return config.F
}

// show prints a value for comparison: its kind and text.
func show(v pipeline.Value) string {
	switch v.Kind() {
	case pipeline.Null, pipeline.Missing, pipeline.Unavailable:
		return v.Kind().String()
	}
	return v.Kind().String() + " " + v.Text()
}
