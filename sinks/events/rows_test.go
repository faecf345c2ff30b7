package events

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// readChange reads a row of a test: an object is an insert's new image, {"op":…,"before":…,"after":…} a change. JSON's
// own types are what they are; {"$decimal": "12.50"} and the like stand for what JSON has no types for.
func readChange(t testing.TB, cols *mapping.Columns, line string) *pipeline.Change {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	row := jsonRow{}
	if err := d.Decode(&row); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return changeOf(t, cols, row)
}

type jsonRow = map[string]any

var opLetters = map[string]pipeline.Op{"c": pipeline.Insert, "r": pipeline.Snapshot, "u": pipeline.Update, "d": pipeline.Delete}

func changeOf(t testing.TB, cols *mapping.Columns, row jsonRow) *pipeline.Change {
	c := &pipeline.Change{Op: pipeline.Insert}
	before, after := jsonRow(nil), row
	if letter, ok := row["op"].(string); ok && opLetters[letter] != 0 {
		c.Op = opLetters[letter]
		before, _ = row["before"].(jsonRow)
		after, _ = row["after"].(jsonRow)
	}
	c.Shape = shapeOf(cols, before, after)
	c.Before, c.After = imageOf(t, c.Shape, before), imageOf(t, c.Shape, after)
	c.BeforeComplete = before != nil
	return c
}

// shapeOf has the wanted columns first, then the row's own if all are wanted.
func shapeOf(cols *mapping.Columns, images ...jsonRow) *pipeline.Shape {
	s := &pipeline.Shape{}
	names, all := cols.Wanted()
	s.Names = names
	there := map[string]bool{}
	for _, image := range images {
		for name := range image {
			there[name] = true
		}
	}
	own := []string{}
	for name := range there {
		own = append(own, name)
	}
	slices.Sort(own)
	for _, name := range own {
		if !slices.Contains(s.Names, name) && all {
			s.Names = append(s.Names, name)
		}
		if i := slices.Index(s.Names, name); i >= 0 {
			s.Sorted = append(s.Sorted, int32(i))
		}
	}
	return s
}

func imageOf(t testing.TB, s *pipeline.Shape, row jsonRow) pipeline.Image {
	if row == nil {
		return pipeline.Image{}
	}
	image := pipeline.Image{Present: true}
	for _, name := range s.Names {
		value, there := row[name]
		if !there {
			image.Values = append(image.Values, pipeline.Value{})
			continue
		}
		image.Values = append(image.Values, valueOf(t, value))
	}
	return image
}

func valueOf(t testing.TB, x any) pipeline.Value {
	switch x := x.(type) {
	case nil:
		return pipeline.NullValue()
	case bool:
		return pipeline.BoolValue(x)
	case string:
		return pipeline.StringValue([]byte(x))
	case json.Number:
		return numberValue(t, x)
	case []any:
		list := make([]pipeline.Value, len(x))
		for i, e := range x {
			list[i] = valueOf(t, e)
		}
		return pipeline.ListValue(list)
	case jsonRow:
		return objectValue(t, x)
	}
	t.Fatalf("no value: %T", x)
	return pipeline.Value{}
}

func numberValue(t testing.TB, n json.Number) pipeline.Value {
	if i, err := n.Int64(); err == nil {
		return pipeline.IntValue(i)
	}
	f, err := n.Float64()
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.FloatValue(f)
}

func objectValue(t testing.TB, x jsonRow) pipeline.Value {
	for name, value := range x {
		if text, ok := value.(string); ok && name[0] == '$' {
			return typedValue(t, name, text)
		}
	}
	names, values := []string{}, []pipeline.Value{}
	for name := range x {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values = append(values, valueOf(t, x[name]))
	}
	return pipeline.StructValue(names, values)
}

func typedValue(t testing.TB, kind, text string) pipeline.Value {
	switch kind {
	case "$decimal":
		return decimalValue(t, text)
	case "$float":
		return map[string]pipeline.Value{"NaN": pipeline.FloatValue(math.NaN()), "Inf": pipeline.FloatValue(math.Inf(1))}[text]
	case "$json":
		return pipeline.JSONValue([]byte(text))
	case "$bytes":
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return pipeline.BytesValue(b)
	case "$latin1":
		return pipeline.StringValue([]byte{'M', 0xfc, 'l', 'l', 'e', 'r'})
	case "$unavailable":
		return pipeline.UnavailableValue()
	case "$duration":
		return pipeline.DurationValue(int64(time.Hour))
	}
	return timeValue(t, kind, text)
}

func decimalValue(t testing.TB, text string) pipeline.Value {
	whole, fraction, _ := strings.Cut(text, ".")
	unscaled, ok := new(big.Int).SetString(whole+fraction, 10)
	if !ok {
		t.Fatalf("no decimal: %s", text)
	}
	if unscaled.IsInt64() {
		return pipeline.DecimalValue(unscaled.Int64(), int32(len(fraction)))
	}
	return pipeline.BigDecimalValue(append([]byte{0}, unscaled.Bytes()...), int32(len(fraction)))
}

func timeValue(t testing.TB, kind, text string) pipeline.Value {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	switch kind {
	case "$instant":
		return pipeline.InstantValue(at.Unix(), int32(at.Nanosecond()))
	case "$local":
		return pipeline.LocalValue(at.Unix(), int32(at.Nanosecond()))
	case "$date":
		return pipeline.DateValue(at.Unix() / 86400)
	case "$time":
		return pipeline.TimeOfDayValue(int64(at.Hour()) * int64(time.Hour))
	}
	t.Fatalf("no such type: %s", kind)
	return pipeline.Value{}
}
