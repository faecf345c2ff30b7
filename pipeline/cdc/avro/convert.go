package avro

import (
	"encoding/hex"
	"math"
	"math/big"

	"github.com/tokrelay/tokrelay/pipeline"
)

// The converters give the bare value of an Avro type its meaning. Plan, goavro's values and Connect's JSON all go through
// them, so that a column is the same value whichever way it came.

const (
	milli = 1_000
	micro = 1_000_000
	nano  = 1_000_000_000
)

func IntValue(m Meaning, n int64) (v pipeline.Value) {
	setInt(&v, m, n)
	return v
}

// setInt is intValue in place: a Value that is passed through return values is copied twice, which costs more than the
// rest.
func setInt(into *pipeline.Value, m Meaning, n int64) {
	switch m {
	case Plain:
		*into = pipeline.IntValue(n)
	case Days:
		*into = pipeline.DateValue(n)
	case timeMillis:
		*into = pipeline.TimeOfDayValue(times(n, nano/milli))
	case timeMicros:
		*into = pipeline.TimeOfDayValue(times(n, nano/micro))
	case timeNanos:
		*into = pipeline.TimeOfDayValue(n)
	case durationMicros:
		*into = pipeline.DurationValue(times(n, nano/micro))
	case durationNanos:
		*into = pipeline.DurationValue(n)
	default:
		setTimestamp(into, m, n)
	}
}

func setTimestamp(into *pipeline.Value, m Meaning, n int64) {
	switch m {
	case localMillis:
		*into = pipeline.LocalValue(split(n, milli))
	case localMicros:
		*into = pipeline.LocalValue(split(n, micro))
	case localNanos:
		*into = pipeline.LocalValue(split(n, nano))
	case instantMillis:
		*into = pipeline.InstantValue(split(n, milli))
	case instantMicros:
		*into = pipeline.InstantValue(split(n, micro))
	case instantNanos:
		*into = pipeline.InstantValue(split(n, nano))
	default:
		*into = pipeline.IntValue(n)
	}
}

// split turns a count of fractions into seconds and the nanoseconds that are left, never negative ones.
func split(n, perSecond int64) (sec int64, nanos int32) {
	sec, rest := n/perSecond, n%perSecond
	if rest < 0 {
		sec, rest = sec-1, rest+perSecond
	}
	return sec, int32(rest * (nano / perSecond))
}

// times multiplies, and stays at the end of the range where the product does not fit.
func times(n, by int64) int64 {
	switch {
	case n > math.MaxInt64/by:
		return math.MaxInt64
	case n < math.MinInt64/by:
		return math.MinInt64
	}
	return n * by
}

// stringValue reads a text. A time that cannot be read stays the text it is: nothing is lost, and a mapping that wants a
// time says so.
func (d *Dialect) stringValue(m Meaning, b []byte) (v pipeline.Value) {
	d.setText(&v, m, b)
	return v
}

func (d *Dialect) setText(into *pipeline.Value, m Meaning, b []byte) {
	if d.isPlaceholder(b) {
		*into = pipeline.UnavailableValue()
		return
	}
	switch m {
	case Plain:
		*into = pipeline.StringValue(b)
		return
	case JSONText:
		*into = pipeline.JSONValue(b)
		return
	}
	v, ok := isoValue(m, b)
	if !ok {
		v = pipeline.StringValue(b)
	}
	*into = v
}

func (d *Dialect) BytesValue(t *Type, b []byte) (v pipeline.Value) {
	d.setBytes(&v, t, b)
	return v
}

func (d *Dialect) setBytes(into *pipeline.Value, t *Type, b []byte) {
	if d.isPlaceholder(b) {
		*into = pipeline.UnavailableValue()
		return
	}
	switch t.Meaning {
	case Decimal:
		setDecimal(into, b, t.Scale)
	case bitSet:
		*into = bitsValue(b)
	case uuidFixed:
		*into = pipeline.StringValue(uuidText(b))
	default:
		*into = pipeline.BytesValue(b)
	}
}

// largestDecimal bounds the bytes of a number: some 20,000 digits. Writing a number of a megabyte in digits takes seconds.
const largestDecimal = 8 << 10

func setDecimal(into *pipeline.Value, b []byte, scale int32) {
	switch {
	case len(b) <= 8:
		*into = pipeline.DecimalValue(signed(b), scale)
	case len(b) > largestDecimal: // not an amount: it stays binary
		*into = pipeline.BytesValue(b)
	case scale > maxScale:
		*into = wholeDecimal(b, scale)
	default:
		*into = pipeline.BigDecimalValue(b, scale)
	}
}

// signed reads a big-endian two's complement number of at most eight bytes.
func signed(b []byte) (n int64) {
	if len(b) > 0 {
		n = int64(int8(b[0])) >> 7
	}
	for _, c := range b {
		n = n<<8 | int64(c)
	}
	return n
}

// bitsValue reads little-endian bits; what does not fit an int64 after all stays binary.
func bitsValue(b []byte) pipeline.Value {
	if len(b) > 8 || len(b) == 8 && b[7]&0x80 != 0 {
		return pipeline.BytesValue(b)
	}
	var n int64
	for i, c := range b {
		n |= int64(c) << (8 * i)
	}
	return pipeline.IntValue(n)
}

func uuidText(b []byte) []byte {
	out := make([]byte, 0, 36)
	for i := range b {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			out = append(out, '-')
		}
		out = hex.AppendEncode(out, b[i:i+1])
	}
	return out
}

// maxScale is more digits behind the point than a database keeps; maxDecimalBytes bounds the division that takes them off.
const (
	maxScale        = 1000
	maxDecimalBytes = 2048
)

// wholeDecimal reads a decimal of an absurd scale. Debezium writes PostgreSQL's numeric(3,-2) with scale 2046 and the value
// multiplied to fit: 12300 takes 800 bytes. If the digits behind the point are all zero, it is a whole number.
func wholeDecimal(b []byte, scale int32) pipeline.Value {
	v := pipeline.BigDecimalValue(b, scale)
	if len(b) > maxDecimalBytes || scale > 4*maxDecimalBytes {
		return v
	}
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	whole, rest := new(big.Int).QuoRem(v.BigUnscaled(), power, new(big.Int))
	if rest.Sign() != 0 {
		return v
	}
	return pipeline.BigDecimalValue(twosComplement(whole), 0)
}
