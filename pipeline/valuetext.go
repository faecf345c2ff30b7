package pipeline

import (
	"encoding/base64"
	"math"
	"strconv"
	"time"
)

// AppendText appends the value's canonical text: what a row's hash is made of and what a String field carries. The same
// value always gives the same text, whatever schema version wrote it; numbers that are equal give equal text where
// their kind is the same (a decimal keeps its scale). Null, Missing and Unavailable append nothing.
func (v Value) AppendText(dst []byte) []byte {
	switch v.kind {
	case Bool:
		return strconv.AppendBool(dst, v.n != 0)
	case Int, Duration:
		return strconv.AppendInt(dst, v.n, 10)
	case Float:
		return appendFloat(dst, v.Float(), 64)
	case Float32:
		return appendFloat(dst, v.Float(), 32)
	case Decimal:
		return v.appendDecimal(dst)
	case String, JSON:
		return append(dst, v.Bytes()...)
	case Bytes:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes())
	case Instant:
		return append(appendDateTime(dst, time.Unix(v.n, int64(v.scale)).UTC()), 'Z')
	case Local:
		return appendDateTime(dst, time.Unix(v.n, int64(v.scale)).UTC())
	case Date:
		return appendDate(dst, time.Unix(v.n*86400, 0).UTC())
	case TimeOfDay:
		return appendClock(dst, time.Unix(0, v.n).UTC())
	case List, Struct:
		return v.appendElems(dst)
	}
	return dst
}

// Text is AppendText into a new string.
func (v Value) Text() string { return string(v.AppendText(nil)) }

func appendFloat(dst []byte, f float64, bits int) []byte {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

// maxPlainScale keeps a hostile scale (a schema may say ±2^31) from becoming gigabytes of zeros.
const maxPlainScale = 1000

func (v Value) appendDecimal(dst []byte) []byte {
	var scratch [24]byte
	digits := strconv.AppendInt(scratch[:0], v.n, 10)
	if v.p != nil {
		digits = v.BigUnscaled().Append(nil, 10)
	}
	if digits[0] == '-' {
		dst, digits = append(dst, '-'), digits[1:]
	}
	switch {
	case v.scale == 0:
		return append(dst, digits...)
	case v.scale > maxPlainScale || v.scale < -maxPlainScale:
		dst = append(append(dst, digits...), 'e')
		return strconv.AppendInt(dst, -int64(v.scale), 10)
	case v.scale < 0:
		return appendZeros(append(dst, digits...), int(-v.scale))
	case len(digits) > int(v.scale):
		point := len(digits) - int(v.scale)
		dst = append(append(dst, digits[:point]...), '.')
		return append(dst, digits[point:]...)
	}
	dst = appendZeros(append(dst, "0."...), int(v.scale)-len(digits))
	return append(dst, digits...)
}

func appendZeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}

// Every time column of every row is written for the hash of the row, for which AppendFormat takes a third longer.
func appendDateTime(dst []byte, t time.Time) []byte {
	return appendClock(append(appendDate(dst, t), 'T'), t)
}

// appendDate appends 2006-01-02.
func appendDate(dst []byte, t time.Time) []byte {
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(dst, time.DateOnly)
	}
	return appendTwo(append(appendTwo(append(appendTwo(appendTwo(dst, year/100), year%100), '-'), int(month)), '-'), day)
}

// appendClock appends 15:04:05.999999999.
func appendClock(dst []byte, t time.Time) []byte {
	hour, minute, second := t.Clock()
	dst = appendTwo(append(appendTwo(append(appendTwo(dst, hour), ':'), minute), ':'), second)
	for left, unit := t.Nanosecond(), 100_000_000; left > 0; left, unit = left%unit, unit/10 {
		if unit == 100_000_000 {
			dst = append(dst, '.')
		}
		dst = append(dst, byte('0'+left/unit))
	}
	return dst
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// appendElems writes a List or Struct unambiguously: each element's kind-independent text behind its length.
func (v Value) appendElems(dst []byte) []byte {
	open, end := byte('['), byte(']')
	if v.kind == Struct {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for i, e := range v.Elems() {
		if v.kind == Struct {
			dst = strconv.AppendQuote(dst, v.Names()[i])
			dst = append(dst, ':')
		}
		if e.IsNull() {
			dst = append(dst, "-,"...)
			continue
		}
		text := e.AppendText(nil)
		dst = strconv.AppendInt(dst, int64(len(text)), 10)
		dst = append(append(append(dst, '='), text...), ',')
	}
	return append(dst, end)
}
