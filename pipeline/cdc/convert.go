package cdc

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

func intValue(m meaning, n int64) pipeline.Value {
	switch m {
	case plain:
		return pipeline.IntValue(n)
	case days:
		return pipeline.DateValue(n)
	case timeMillis:
		return pipeline.TimeOfDayValue(times(n, nano/milli))
	case timeMicros:
		return pipeline.TimeOfDayValue(times(n, nano/micro))
	case timeNanos:
		return pipeline.TimeOfDayValue(n)
	case durationMicros:
		return pipeline.DurationValue(times(n, nano/micro))
	case durationNanos:
		return pipeline.DurationValue(n)
	}
	return timestamp(m, n)
}

func timestamp(m meaning, n int64) pipeline.Value {
	switch m {
	case localMillis:
		return pipeline.LocalValue(split(n, milli))
	case localMicros:
		return pipeline.LocalValue(split(n, micro))
	case localNanos:
		return pipeline.LocalValue(split(n, nano))
	case instantMillis:
		return pipeline.InstantValue(split(n, milli))
	case instantMicros:
		return pipeline.InstantValue(split(n, micro))
	case instantNanos:
		return pipeline.InstantValue(split(n, nano))
	}
	return pipeline.IntValue(n)
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
func (d *dialect) stringValue(m meaning, b []byte) pipeline.Value {
	if d.isPlaceholder(b) {
		return pipeline.UnavailableValue()
	}
	switch m {
	case plain:
		return pipeline.StringValue(b)
	case jsonText:
		return pipeline.JSONValue(b)
	}
	if v, ok := isoValue(m, b); ok {
		return v
	}
	return pipeline.StringValue(b)
}

func (d *dialect) bytesValue(t *typ, b []byte) pipeline.Value {
	if d.isPlaceholder(b) {
		return pipeline.UnavailableValue()
	}
	switch t.meaning {
	case decimal:
		if t.scale > maxScale {
			return wholeDecimal(b, t.scale)
		}
		return pipeline.BigDecimalValue(b, t.scale)
	case bitSet:
		return bitsValue(b)
	case uuidFixed:
		return pipeline.StringValue(uuidText(b))
	}
	return pipeline.BytesValue(b)
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
