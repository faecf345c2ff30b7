package pipeline

import (
	"fmt"
	"math"
	"math/big"
	"time"
	"unsafe"
)

// Kind is the kind of a Value.
type Kind uint8

const (
	Missing     Kind = iota // the schema has no such column
	Null                    // the column is NULL
	Unavailable             // an unchanged large value Debezium did not read: unknown, never to be sent
	Bool
	Int
	Float     // float64
	Float32   // the same, but written with the digits of a float32
	Decimal   // exact: unscaled integer and scale
	String    // UTF-8 text; Uuid, Enum and other textual types too
	JSON      // JSON text
	Bytes     // binary
	Instant   // a point in time
	Local     // date and time without a zone
	Date      // days
	TimeOfDay // nanoseconds past midnight
	Duration  // an interval; meaningless as a point in time
	List      // Elems
	Struct    // Elems with Names; maps too
)

var kindNames = [...]string{"missing", "null", "unavailable", "bool", "int", "float", "float", "decimal", "string", "json",
	"bytes", "instant", "local time", "date", "time of day", "duration", "list", "struct"}

func (k Kind) String() string { return kindNames[k] }

// Value is one column of a row: clear data, parsed once by cdc. It aliases the record's bytes and never prints. The
// zero Value is Missing. Make one with the constructors below; read it with the accessor of its Kind.
//
// It is three words, so that it travels in registers: the row path hands values on many times, and with a slice inside
// every look at the kind copied all of it through memory.
type Value struct {
	kind  Kind
	scale int32          // Decimal: digits after the point; Instant, Local: nanoseconds
	n     int64          // Bool, Int, Float bits, Decimal unscaled, Instant/Local seconds, Date days, TimeOfDay/Duration nanoseconds
	p     unsafe.Pointer // n bytes of a String, JSON, Bytes or large Decimal; the *elems of a List or Struct; else nil
}

// ofBytes makes a Value that aliases b.
func ofBytes(kind Kind, b []byte, scale int32) Value {
	return Value{kind: kind, scale: scale, n: int64(len(b)), p: unsafe.Pointer(unsafe.SliceData(b))}
}

type elems struct {
	values []Value
	names  []string
}

func NullValue() Value           { return Value{kind: Null} }
func UnavailableValue() Value    { return Value{kind: Unavailable} }
func IntValue(n int64) Value     { return Value{kind: Int, n: n} }
func FloatValue(f float64) Value { return Value{kind: Float, n: int64(math.Float64bits(f))} }
func Float32Value(f float32) Value {
	return Value{kind: Float32, n: int64(math.Float64bits(float64(f)))}
}
func StringValue(b []byte) Value     { return ofBytes(String, b, 0) }
func JSONValue(b []byte) Value       { return ofBytes(JSON, b, 0) }
func BytesValue(b []byte) Value      { return ofBytes(Bytes, b, 0) }
func DateValue(days int64) Value     { return Value{kind: Date, n: days} }
func TimeOfDayValue(ns int64) Value  { return Value{kind: TimeOfDay, n: ns} }
func DurationValue(ns int64) Value   { return Value{kind: Duration, n: ns} }
func ListValue(values []Value) Value { return listOf(&elems{values: values}) }

func listOf(e *elems) Value { return Value{kind: List, p: unsafe.Pointer(e)} }

// BoolValue makes a Bool.
func BoolValue(t bool) Value {
	if t {
		return Value{kind: Bool, n: 1}
	}
	return Value{kind: Bool}
}

// StructValue makes a record or map: names and values side by side.
func StructValue(names []string, values []Value) Value {
	return Value{kind: Struct, p: unsafe.Pointer(&elems{values: values, names: names})}
}

// DecimalValue makes unscaled × 10^-scale.
func DecimalValue(unscaled int64, scale int32) Value {
	return Value{kind: Decimal, n: unscaled, scale: scale}
}

// BigDecimalValue makes a decimal of big-endian two's complement bytes, which it aliases.
func BigDecimalValue(unscaled []byte, scale int32) Value {
	if len(unscaled) > 8 {
		return ofBytes(Decimal, unscaled, scale)
	}
	var n int64
	if len(unscaled) > 0 && unscaled[0]&0x80 != 0 {
		n = -1
	}
	for _, c := range unscaled {
		n = n<<8 | int64(c)
	}
	return DecimalValue(n, scale)
}

// InstantValue makes a point in time of Unix seconds and nanoseconds (0 ≤ nanos < 1e9).
func InstantValue(sec int64, nanos int32) Value { return Value{kind: Instant, n: sec, scale: nanos} }

// LocalValue makes a date and time without a zone, given as if it were UTC.
func LocalValue(sec int64, nanos int32) Value { return Value{kind: Local, n: sec, scale: nanos} }

func (v Value) Kind() Kind { return v.kind }

// IsNull is true where there is nothing to send: NULL, or no such column.
func (v Value) IsNull() bool { return v.kind == Null || v.kind == Missing }

func (v Value) Bool() bool     { return v.Int() != 0 }
func (v Value) Float() float64 { return math.Float64frombits(uint64(v.Int())) }

// Int is the number of an Int, Date, TimeOfDay or Duration, the bits of others; 0 where there are bytes.
func (v Value) Int() int64 {
	if v.p != nil {
		return 0
	}
	return v.n
}

// Bytes is the text or binary of a String, JSON or Bytes value. It is clear data and aliases the record.
func (v Value) Bytes() []byte {
	if v.p == nil || v.kind >= List {
		return nil
	}
	return unsafe.Slice((*byte)(v.p), v.n)
}

// Scale is the scale of a Decimal.
func (v Value) Scale() int32 { return v.scale }

// Unscaled is the unscaled integer of a Decimal when it fits an int64.
func (v Value) Unscaled() (int64, bool) { return v.Int(), v.p == nil }

// BigUnscaled is the unscaled integer of a Decimal of any size.
func (v Value) BigUnscaled() *big.Int {
	b := v.Bytes()
	if b == nil {
		return big.NewInt(v.n)
	}
	x := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		x.Sub(x, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return x
}

func (v Value) elems() *elems {
	if v.kind < List {
		return nil
	}
	return (*elems)(v.p)
}

// Elems are the elements of a List or the members of a Struct.
func (v Value) Elems() []Value {
	if e := v.elems(); e != nil {
		return e.values
	}
	return nil
}

// Names are the member names of a Struct, next to Elems.
func (v Value) Names() []string {
	if e := v.elems(); e != nil {
		return e.names
	}
	return nil
}

// Member is the member of a Struct with that name, or Missing.
func (v Value) Member(name string) Value {
	for i, n := range v.Names() {
		if n == name {
			return v.Elems()[i]
		}
	}
	return Value{}
}

// Time is the point in time of an Instant, of a Local read in loc, or of a Date's midnight in loc; false for other kinds.
func (v Value) Time(loc *time.Location) (time.Time, bool) {
	switch v.kind {
	case Instant:
		return time.Unix(v.n, int64(v.scale)).UTC(), true
	case Local:
		t := time.Unix(v.n, int64(v.scale)).UTC()
		if loc == time.UTC {
			return t, true
		}
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc), true
	case Date:
		t := time.Unix(v.n*86400, 0).UTC()
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, loc), true
	}
	return time.Time{}, false
}

// Format prints the kind, whatever the verb: a value is personal data (P3). AppendText is the way to its text.
func (v Value) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "[redacted %s]", v.kind) }

// MarshalText refuses to give clear data to an encoder.
func (v Value) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
