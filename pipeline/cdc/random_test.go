package cdc

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// dice turns a fuzzer's bytes into choices; when they are used up, every choice is the first one.
type dice struct {
	bytes []byte
	names int
	made  int // values made: a record in itself twice would have no end
}

func (d *dice) roll(sides int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	n := int(d.bytes[0]) % sides
	d.bytes = d.bytes[1:]
	return n
}

func (d *dice) name() string {
	d.names++
	return fmt.Sprintf("n%d", d.names)
}

// schema makes a record's schema: nested, recursive, with references and unions of any order.
func (d *dice) schema() string {
	r := &randomSchema{dice: d}
	return r.record(0)
}

type randomSchema struct {
	*dice
	records []string // names that may be referred to
}

var scalars = []string{`"null"`, `"boolean"`, `"int"`, `"long"`, `"float"`, `"double"`, `"bytes"`, `"string"`,
	`{"type":"long","connect.name":"io.debezium.time.MicroTimestamp"}`, `{"type":"string","connect.name":"io.debezium.time.ZonedTimestamp"}`,
	`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`, `{"type":"int","logicalType":"date"}`,
	`{"type":"bytes","connect.name":"io.debezium.data.Bits","connect.parameters":{"length":"9"}}`}

func (r *randomSchema) typ(depth int) string {
	if depth > 4 {
		return scalars[r.roll(len(scalars))]
	}
	switch r.roll(12) {
	case 0:
		return `{"type":"array","items":` + r.typ(depth+1) + `}`
	case 1:
		return `{"type":"map","values":` + r.typ(depth+1) + `}`
	case 2:
		return r.record(depth + 1)
	case 3, 4:
		return r.union(depth + 1)
	case 5:
		return fmt.Sprintf(`{"type":"fixed","name":%q,"size":%d}`, r.name(), 1+r.roll(20))
	case 6:
		return fmt.Sprintf(`{"type":"enum","name":%q,"symbols":["A","B-","C"]}`, r.name())
	case 7:
		if len(r.records) > 0 {
			return fmt.Sprintf("%q", r.records[r.roll(len(r.records))])
		}
	case 8:
		return fmt.Sprintf(`{"type":"record","name":%q,"connect.name":"io.debezium.data.VariableScaleDecimal","fields":[{"name":"scale","type":"int"},{"name":"value","type":"bytes"}]}`, r.name())
	}
	return scalars[r.roll(len(scalars))]
}

func (r *randomSchema) record(depth int) string {
	name := "a-b." + r.name()
	r.records = append(r.records, name)
	var fields []string
	for i := range r.roll(6) + 1 {
		fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, r.typ(depth)))
	}
	return fmt.Sprintf(`{"type":"record","name":%q,"fields":[%s]}`, name, strings.Join(fields, ","))
}

// union is of null and another type, in either order, or of several.
func (r *randomSchema) union(depth int) string {
	inner := r.typ(depth)
	if strings.HasPrefix(inner, "[") || inner == `"null"` {
		inner = `"string"`
	}
	switch r.roll(4) {
	case 0:
		return `["null",` + inner + `]`
	case 1:
		return `[` + inner + `,"null"]`
	case 2:
		return `[` + inner + `]`
	}
	return `["long","null",{"type":"array","items":` + inner + `},"boolean"]`
}

// value writes bytes that fit a type, until it gets too deep or long: then what comes is cut off.
func (d *dice) value(t *avro.Type, out []byte, depth int) []byte {
	if d.made++; depth > 20 || d.made > 4096 {
		return out
	}
	switch t.Kind {
	case avro.KindBool:
		return append(out, byte(d.roll(2)))
	case avro.KindInt, avro.KindLong:
		return binary.AppendVarint(out, d.number())
	case avro.KindFloat:
		return binary.LittleEndian.AppendUint32(out, math.Float32bits(float32(d.number())))
	case avro.KindDouble:
		return binary.LittleEndian.AppendUint64(out, math.Float64bits(float64(d.number())))
	case avro.KindBytes, avro.KindString:
		return d.text(out)
	case avro.KindFixed:
		return append(out, make([]byte, t.Size)...)
	case avro.KindEnum:
		return binary.AppendVarint(out, int64(d.roll(len(t.Symbols))))
	}
	return d.nested(t, out, depth+1)
}

func (d *dice) number() int64 {
	n := int64(d.roll(256)) - 128
	for range d.roll(8) {
		n = n<<8 | int64(d.roll(256))
	}
	return n
}

func (d *dice) text(out []byte) []byte {
	texts := []string{"", "a", "2026-01-31T22:02:03.123456Z", plainConfig.UnavailablePlaceholder, "2026-02-31T25:00:00Z", "text of more than a few letters"}
	s := texts[d.roll(len(texts))]
	return append(binary.AppendVarint(out, int64(len(s))), s...)
}

func (d *dice) nested(t *avro.Type, out []byte, depth int) []byte {
	switch t.Kind {
	case avro.KindRecord:
		for i := range t.Fields {
			out = d.value(t.Fields[i].Type, out, depth)
		}
	case avro.KindUnion:
		n := d.roll(len(t.Branches))
		return d.value(t.Branches[n], binary.AppendVarint(out, int64(n)), depth)
	case avro.KindArray, avro.KindMap:
		for n := d.roll(4); n > 0; n = d.roll(3) {
			out = binary.AppendVarint(out, int64(n))
			for range n {
				if t.Kind == avro.KindMap {
					out = d.text(out)
				}
				out = d.value(t.Items, out, depth)
			}
		}
		return append(out, 0)
	}
	return out
}

// damage leaves bytes alone, cuts them, changes one, or adds one.
func (d *dice) damage(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	at := (d.roll(256)<<8 | d.roll(256)) % len(b)
	switch d.roll(6) {
	case 0:
		return b[:at]
	case 1:
		b[at] ^= byte(1 << d.roll(8))
	case 2:
		b[at] = byte(d.roll(256))
	case 3:
		return append(b, byte(d.roll(256)))
	}
	return b
}
