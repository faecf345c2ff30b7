package mapping

import (
	"encoding/hex"
	"time"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline"
)

var unitsPerSecond = map[string]int64{"seconds": 1, "millis": 1e3, "micros": 1e6, "nanos": 1e9}

// conversion is a field's type, format and time zone.
type conversion struct {
	kind   string // the type that the field names, or "" to take the value as it is
	format string // as the configuration has it
	layout string // Go's; "" where there is no format
	named  bool   // the format has the name of a zone, and no offset
	zone   *time.Location
}

// convert says no where the value cannot be of the type.
func (c *conversion) convert(r *Row, v pipeline.Value) (pipeline.Value, bool) {
	switch c.kind {
	case "":
		return c.formatted(r, v)
	case "seconds", "millis", "micros", "nanos":
		if isTime(v) {
			return v, true
		}
		return numericTime(v, unitsPerSecond[c.kind])
	case "days", "date":
		return c.date(v)
	case "time":
		return c.time(v)
	case "number":
		return number(v)
	case "string":
		return c.text(r, v)
	case "bool":
		return boolean(v)
	case "json":
		return asJSON(v)
	}
	return r.hex(v)
}

// formatted applies a format without a type: text is read by it, a time is written by it.
func (c *conversion) formatted(r *Row, v pipeline.Value) (pipeline.Value, bool) {
	switch {
	case c.layout == "":
		return v, true
	case v.Kind() == pipeline.String:
		return c.time(v)
	}
	return c.text(r, v)
}

func isTime(v pipeline.Value) bool {
	return v.Kind() == pipeline.Instant || v.Kind() == pipeline.Local || v.Kind() == pipeline.Date
}

func (c *conversion) time(v pipeline.Value) (pipeline.Value, bool) {
	switch {
	case isTime(v):
		return v, true
	case v.Kind() != pipeline.String:
		return numericTime(v, 0)
	case c.layout != "":
		return c.parse(v)
	}
	if t, ok := parseISO(v.Bytes()); ok {
		return t, true
	}
	return numericTime(v, 0)
}

// parse reads text by the format; a format without zone gives the wall clock of the field's time zone.
func (c *conversion) parse(v pipeline.Value) (pipeline.Value, bool) {
	t, err := time.ParseInLocation(c.layout, alias(Trim(v.Bytes())), c.zone)
	if err != nil || c.named && !c.knows(t) {
		return pipeline.Value{}, false
	}
	return pipeline.InstantValue(t.Unix(), int32(t.Nanosecond())), true
}

// knows reports whether the zone that a text names is certain: one of the field's own, UTC or GMT. Go takes any other name for
// UTC, GMT+3 too.
func (c *conversion) knows(t time.Time) bool {
	name, _ := t.Zone()
	return t.Location() == c.zone || t.Location() == time.UTC || name == "GMT"
}

func (c *conversion) date(v pipeline.Value) (pipeline.Value, bool) {
	if n, ok := integerOf(v); ok {
		return pipeline.DateValue(n), n > -1e6 && n < 1e7
	}
	v, ok := c.time(v)
	if !ok || v.Kind() == pipeline.Date {
		return v, ok
	}
	t, _ := v.Time(c.zone)
	t = t.In(c.zone)
	days := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400
	return pipeline.DateValue(days), true
}

func number(v pipeline.Value) (pipeline.Value, bool) {
	switch v.Kind() {
	case pipeline.Bool:
		n := int64(0)
		if v.Bool() {
			n = 1
		}
		return pipeline.IntValue(n), true
	case pipeline.Instant, pipeline.Local, pipeline.Date:
		t, _ := v.Time(time.UTC)
		return pipeline.IntValue(t.Unix()), true
	case pipeline.Int, pipeline.Float, pipeline.Float32, pipeline.Decimal, pipeline.String:
		return v, true
	}
	return v, false
}

// text gives the text of anything but binary that is none. A time is written by the format, if there is one.
func (c *conversion) text(r *Row, v pipeline.Value) (pipeline.Value, bool) {
	if isTime(v) && c.layout != "" {
		t, _ := v.Time(c.zone)
		start := len(r.scratch)
		r.scratch = t.In(c.zone).AppendFormat(r.scratch, c.layout)
		return pipeline.StringValue(r.scratch[start:]), true
	}
	switch v.Kind() {
	case pipeline.String:
		return v, true
	case pipeline.Bytes:
		return pipeline.StringValue(v.Bytes()), utf8.Valid(v.Bytes())
	case pipeline.JSON:
		return pipeline.StringValue(v.Bytes()), true
	case pipeline.List, pipeline.Struct, pipeline.Unavailable:
		return v, false
	}
	start := len(r.scratch)
	r.scratch = v.AppendText(r.scratch)
	return pipeline.StringValue(r.scratch[start:]), true
}

// boolean reads what databases write for true and false.
func boolean(v pipeline.Value) (pipeline.Value, bool) {
	switch v.Kind() {
	case pipeline.Bool:
		return v, true
	case pipeline.String:
		yes, ok := truth(Trim(v.Bytes()))
		return pipeline.BoolValue(yes), ok
	}
	if n, ok := integerOf(v); ok {
		return pipeline.BoolValue(n == 1), n == 0 || n == 1
	}
	f, ok := floatOf(v) // JSON's 1.0, a NUMBER without scale
	return pipeline.BoolValue(f == 1), ok && (f == 0 || f == 1)
}

func truth(text []byte) (yes, ok bool) {
	var buf [5]byte
	if len(text) > len(buf) {
		return false, false
	}
	lower := append(buf[:0], text...)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	switch string(lower) {
	case "true", "t", "yes", "y", "on", "1":
		return true, true
	case "false", "f", "no", "n", "off", "0":
		return false, true
	}
	return false, false
}

// Truth reads a value as true or false, as `type: bool` does.
func Truth(v pipeline.Value) (yes, ok bool) {
	v, ok = boolean(v)
	return ok && v.Bool(), ok
}

func asJSON(v pipeline.Value) (pipeline.Value, bool) {
	switch v.Kind() {
	case pipeline.String, pipeline.Bytes:
		return pipeline.JSONValue(v.Bytes()), true
	}
	return v, v.Kind() == pipeline.JSON || v.Kind() == pipeline.List || v.Kind() == pipeline.Struct
}

// hex writes binary as hexadecimal text: digests kept as bytes, ids kept as BINARY(16).
func (r *Row) hex(v pipeline.Value) (pipeline.Value, bool) {
	if v.Kind() != pipeline.Bytes {
		return v, v.Kind() == pipeline.String
	}
	start := len(r.scratch)
	r.scratch = hex.AppendEncode(r.scratch, v.Bytes())
	return pipeline.StringValue(r.scratch[start:]), true
}
