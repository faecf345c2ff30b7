package events

import (
	"math"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// maxDigits bounds a number's digits, and its size: no float64 that TikTok may use overflows.
const maxDigits = 100

// decimal is a number, exactly: 0.d1d2d3… × 10^point, without zeros at either end of the digits.
type decimal struct {
	negative bool
	n        int // digits
	point    int
	digits   [maxDigits]byte
}

// read takes a number of any kind. Text is plain digits with a point and an exponent, and nothing else: no sign of plus,
// no separators, no symbols.
func (d *decimal) read(v pipeline.Value) (reason pipeline.Reason) {
	var buf [32]byte
	switch v.Kind() {
	case pipeline.Int:
		return d.parse(strconv.AppendInt(buf[:0], v.Int(), 10))
	case pipeline.Decimal:
		return d.readDecimal(v, buf[:0])
	case pipeline.Float:
		return d.readFloat(v.Float(), 64, buf[:0])
	case pipeline.Float32:
		return d.readFloat(v.Float(), 32, buf[:0])
	case pipeline.String:
		return d.parse(mapping.Trim(v.Bytes()))
	}
	return pipeline.WrongType
}

func (d *decimal) readFloat(f float64, bits int, buf []byte) pipeline.Reason {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return pipeline.InvalidNumber
	}
	return d.parse(strconv.AppendFloat(buf, f, 'e', -1, bits))
}

func (d *decimal) readDecimal(v pipeline.Value, buf []byte) pipeline.Reason {
	if n, ok := v.Unscaled(); ok {
		buf = strconv.AppendInt(buf, n, 10)
	} else {
		buf = v.BigUnscaled().Append(nil, 10)
	}
	if reason := d.parse(buf); reason != "" || d.n == 0 {
		return reason
	}
	d.point -= int(v.Scale())
	return d.bounded()
}

// parse reads text.
func (d *decimal) parse(text []byte) pipeline.Reason {
	*d = decimal{}
	i, seen, fraction := 0, false, false
	if len(text) > 0 && text[0] == '-' {
		d.negative, i = true, 1
	}
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && !fraction {
			fraction = true
			continue
		}
		if c < '0' || c > '9' {
			break
		}
		seen = true
		if !d.add(c, fraction) {
			return pipeline.InvalidNumber
		}
	}
	if !seen || !d.exponent(text[i:]) {
		return pipeline.InvalidNumber
	}
	return d.bounded()
}

// add takes the next digit; zeros before the first other digit only move the point.
func (d *decimal) add(c byte, fraction bool) bool {
	switch {
	case c != '0' || d.n > 0:
		if d.n == maxDigits {
			return false
		}
		d.digits[d.n] = c
		d.n++
		if !fraction {
			d.point++
		}
	case fraction:
		d.point--
	}
	return true
}

// exponent reads what follows the digits: nothing, or e and a whole number.
func (d *decimal) exponent(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	if len(rest) < 2 || len(rest) > 6 || rest[0]|0x20 != 'e' {
		return false
	}
	e, err := strconv.Atoi(alias(rest[1:]))
	d.point += e
	return err == nil
}

// bounded takes the zeros off the end and refuses what no reader can hold.
func (d *decimal) bounded() pipeline.Reason {
	for d.n > 0 && d.digits[d.n-1] == '0' {
		d.n--
	}
	if d.n == 0 {
		*d = decimal{}
	}
	if d.point > 308 || d.point < -400 {
		return pipeline.InvalidNumber
	}
	return ""
}

func (d *decimal) whole() bool { return d.n <= d.point || d.n == 0 }

// append writes the number as JSON: plainly where that is short, else with an exponent.
func (d *decimal) append(dst []byte) []byte {
	digits := d.digits[:d.n]
	if d.n == 0 {
		return append(dst, '0')
	}
	if d.negative {
		dst = append(dst, '-')
	}
	switch {
	case d.point > 40 || d.point < -10:
		return d.appendScientific(dst)
	case d.point <= 0:
		return append(zeros(append(dst, '0', '.'), -d.point), digits...)
	case d.point >= d.n:
		return zeros(append(dst, digits...), d.point-d.n)
	}
	dst = append(append(dst, digits[:d.point]...), '.')
	return append(dst, digits[d.point:]...)
}

func (d *decimal) appendScientific(dst []byte) []byte {
	dst = append(dst, d.digits[0])
	if d.n > 1 {
		dst = append(append(dst, '.'), d.digits[1:d.n]...)
	}
	return strconv.AppendInt(append(dst, 'e'), int64(d.point-1), 10)
}

func zeros(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, '0')
	}
	return dst
}

// appendNumber appends a finite number that is not negative.
func appendNumber(dst []byte, v pipeline.Value) ([]byte, pipeline.Reason) {
	switch v.Kind() {
	case pipeline.Int:
		if v.Int() >= 0 {
			return strconv.AppendInt(dst, v.Int(), 10), ""
		}
	case pipeline.Decimal:
		if n, small := v.Unscaled(); small && n >= 0 && uint32(v.Scale()) <= maxPlainScale {
			return appendPlain(dst, n, int(v.Scale())), ""
		}
	}
	var d decimal
	if reason := d.read(v); reason != "" {
		return dst, reason
	}
	if d.negative {
		return dst, pipeline.NegativeNumber
	}
	return d.append(dst), ""
}

// maxPlainScale is the largest scale of a decimal that is written without asking how many digits it has.
const maxPlainScale = 9

// appendPlain appends n × 10^-scale as decimal.append does: what money is, in the usual case.
func appendPlain(dst []byte, n int64, scale int) []byte {
	for ; scale > 0 && n%10 == 0; scale-- {
		n /= 10
	}
	power := int64(1)
	for range scale {
		power *= 10
	}
	dst = strconv.AppendInt(dst, n/power, 10)
	if scale == 0 {
		return dst
	}
	dst = append(append(dst, '.'), "000000000"[:scale]...)
	for i, rest := len(dst)-1, n%power; rest > 0; i, rest = i-1, rest/10 {
		dst[i] = byte('0' + rest%10)
	}
	return dst
}

// wholeNumber reads a whole number that is not negative and that every reader of JSON holds exactly.
func wholeNumber(v pipeline.Value) (n int64, reason pipeline.Reason) {
	var d decimal
	if reason = d.read(v); reason != "" {
		return 0, reason
	}
	switch {
	case d.negative:
		return 0, pipeline.NegativeNumber
	case !d.whole() || d.point > 15:
		return 0, pipeline.InvalidNumber
	}
	for i := range d.point {
		n *= 10
		if i < d.n {
			n += int64(d.digits[i] - '0')
		}
	}
	return n, ""
}

// numberRule is what a rejection says of a number.
func numberRule(reason pipeline.Reason, whole bool) string {
	switch {
	case reason == pipeline.NegativeNumber:
		return "0 or more"
	case whole:
		return "a whole number, written with digits alone"
	}
	return "a finite number, written with digits and a point: no symbol, no thousands separator"
}
