package pipeline

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestValuesHaveOneCanonicalText(t *testing.T) {
	for _, c := range []struct {
		name  string
		value Value
		want  string
	}{
		{"true", BoolValue(true), "true"},
		{"smallest int", IntValue(math.MinInt64), "-9223372036854775808"},
		{"float", FloatValue(0.1), "0.1"},
		{"float32 keeps its own digits", Float32Value(0.1), "0.1"},
		{"huge float", FloatValue(1e300), "1e+300"},
		{"decimal", DecimalValue(1999, 2), "19.99"},
		{"decimal below one", DecimalValue(-5, 2), "-0.05"},
		{"decimal keeps its scale", DecimalValue(1990, 2), "19.90"},
		{"decimal with negative scale", DecimalValue(12, -3), "12000"},
		{"decimal with hostile scale", DecimalValue(12, math.MaxInt32), "12e-2147483647"},
		{"decimal of bytes", BigDecimalValue([]byte{0xff, 0x38}, 2), "-2.00"},
		{"decimal of no bytes", BigDecimalValue(nil, 2), "0.00"},
		{"decimal larger than an int64", BigDecimalValue([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0}, 1), "1844674407370955161.6"},
		{"negative decimal larger than an int64", BigDecimalValue([]byte{0xff, 0, 0, 0, 0, 0, 0, 0, 0}, 0), "-18446744073709551616"},
		{"instant", InstantValue(1754000000, 120_000_000), "2025-07-31T22:13:20.12Z"},
		{"local", LocalValue(0, 1), "1970-01-01T00:00:00.000000001"},
		{"date", DateValue(-1), "1969-12-31"},
		{"time of day", TimeOfDayValue(3_600_000_000_000), "01:00:00"},
		{"bytes", BytesValue([]byte{0, 255}), "AP8="},
		{"null", NullValue(), ""},
		{"list", ListValue([]Value{IntValue(1), NullValue(), StringValue([]byte("a,"))}), "[1=1,-,2=a,,]"},
		{"struct", StructValue([]string{"a"}, []Value{IntValue(12)}), `{"a":2=12,}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.value.Text(); got != c.want {
				t.Errorf("text is %q, want %q", got, c.want)
			}
		})
	}
}

func TestClearDataDoesNotPrint(t *testing.T) {
	const marked = "marked@example.com"
	record := Record{Topic: "t", Key: []byte(marked), Value: []byte(marked), Headers: []Header{{"h", []byte(marked)}}}
	value := StringValue([]byte(marked))
	change := &Change{Key: []byte(marked), After: Image{Present: true, Values: []Value{value}}}
	chunk := NewChunk([]Record{record})
	items := &Items{Buf: []byte(marked), List: []Item{{End: 18}}}
	for name, v := range map[string]any{"record": record, "record pointer": &record, "value": value, "change": change,
		"chunk": chunk, "items": items} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, marked) || strings.Contains(got, fmt.Sprintf("%x", marked)) {
				t.Errorf("%s prints its data with %s: %s", name, verb, got)
			}
		}
	}
	for _, v := range []any{record, value} {
		if got, _ := json.Marshal(v); strings.Contains(string(got), marked) {
			t.Errorf("%T gives its data to an encoder: %s", v, got)
		}
	}
}

func TestARowSettlesOnce(t *testing.T) {
	c := NewChunk(make([]Record, 2))
	if !c.Settle(0, Delivered) || c.Settle(0, DeadLettered) {
		t.Error("the first outcome counts and the second does not")
	}
	if c.Settled(0) != Delivered || c.Left() != 1 {
		t.Errorf("row 0 is %v, %d left; want delivered, 1", c.Settled(0), c.Left())
	}
}

func TestTheStatusReportsNewsOnce(t *testing.T) {
	b := NewStatus(nowStub)
	if !b.Set("s", "delivery", &Trouble{Kind: TroubleThrottled}) || b.Set("s", "delivery", &Trouble{Kind: TroubleThrottled, What: "again"}) {
		t.Error("the same kind of trouble is news once")
	}
	b.Set("s", "decode", &Trouble{Kind: TroubleConfig, Stop: true})
	if got := b.Troubles("s"); len(got) != 2 || !got[0].Stop {
		t.Errorf("troubles are %v; the one that needs someone comes first", got)
	}
	if !b.Clear("s", "decode") || b.Clear("s", "decode") {
		t.Error("clearing reports whether there was trouble")
	}
}

func nowStub() time.Time { return time.Unix(1754000000, 0) }
