package events

import (
	"math"
	"strconv"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// maxDigits bounds a number's digits, and its size: no float64 that TikTok may use overflows.
const maxDigits = 100

// decimal is a number as text: the digits 0.d1d2d3… × 10^point, without zeros at either end.
type decimal struct {
	negative bool
	digits   []byte
	point    int
}

// readDecimal reads a number of any kind, exactly; buf holds its digits. It takes plain digits with a point and an
// exponent, and nothing else: no sign of plus, no separators, no symbols.
func readDecimal(v pipeline.Value, buf []byte) (d decimal, reason pipeline.Reason) {
	switch v.Kind() {
	case pipeline.Float, pipeline.Float32:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return d, pipeline.InvalidNumber
		}
	case pipeline.Int, pipeline.Decimal:
	case pipeline.String:
		return parseDecimal(mapping.Trim(v.Bytes()), buf)
	default:
		return d, pipeline.WrongType
	}
	var text [64]byte
	return parseDecimal(v.AppendText(text[:0]), buf)
}

func parseDecimal(text, buf []byte) (d decimal, reason pipeline.Reason) {
	i, seen, fraction := 0, false, false
	if len(text) > 0 && text[0] == '-' {
		d.negative, i = true, 1
	}
	d.digits = buf[:0]
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '.' && !fraction:
			fraction = true
			continue
		case c < '0' || c > '9':
			return d.exponent(text[i:], seen)
		}
		seen = true
		d.add(c, fraction)
		if len(d.digits) > maxDigits {
			return d, pipeline.InvalidNumber
		}
	}
	return d.exponent(nil, seen)
}

// add takes the next digit; zeros before the first other digit only move the point.
func (d *decimal) add(c byte, fraction bool) {
	if c == '0' && len(d.digits) == 0 {
		if fraction {
			d.point--
		}
		return
	}
	d.digits = append(d.digits, c)
	if !fraction {
		d.point++
	}
}

// exponent reads what follows the digits, and takes the zeros off their end.
func (d decimal) exponent(rest []byte, seen bool) (decimal, pipeline.Reason) {
	if !seen {
		return d, pipeline.InvalidNumber
	}
	if len(rest) > 0 {
		if len(rest) < 2 || len(rest) > 6 || rest[0]|0x20 != 'e' {
			return d, pipeline.InvalidNumber
		}
		e, err := strconv.Atoi(string(rest[1:]))
		if err != nil {
			return d, pipeline.InvalidNumber
		}
		d.point += e
	}
	for n := len(d.digits); n > 0 && d.digits[n-1] == '0'; n-- {
		d.digits = d.digits[:n-1]
	}
	if len(d.digits) == 0 {
		return decimal{}, ""
	}
	if d.point > 300 || d.point < -300 {
		return d, pipeline.InvalidNumber
	}
	return d, ""
}

func (d *decimal) whole() bool { return len(d.digits) <= d.point || len(d.digits) == 0 }

// append writes the number as JSON: plainly where that is short, else with an exponent.
func (d *decimal) append(dst []byte) []byte {
	n := len(d.digits)
	if n == 0 {
		return append(dst, '0')
	}
	if d.negative {
		dst = append(dst, '-')
	}
	switch {
	case d.point > 40 || d.point < -10:
		return d.appendScientific(dst)
	case d.point <= 0:
		return append(zeros(append(dst, '0', '.'), -d.point), d.digits...)
	case d.point >= n:
		return zeros(append(dst, d.digits...), d.point-n)
	}
	dst = append(append(dst, d.digits[:d.point]...), '.')
	return append(dst, d.digits[d.point:]...)
}

func (d *decimal) appendScientific(dst []byte) []byte {
	dst = append(dst, d.digits[0])
	if len(d.digits) > 1 {
		dst = append(append(dst, '.'), d.digits[1:]...)
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
	if v.Kind() == pipeline.Int && v.Int() >= 0 {
		return strconv.AppendInt(dst, v.Int(), 10), ""
	}
	var buf [maxDigits + 1]byte
	d, reason := readDecimal(v, buf[:0])
	switch {
	case reason != "":
		return dst, reason
	case d.negative:
		return dst, pipeline.NegativeNumber
	}
	return d.append(dst), ""
}

// wholeNumber reads a whole number that is not negative and fits 53 bits, as every reader of JSON does.
func wholeNumber(v pipeline.Value) (int64, pipeline.Reason) {
	var buf [maxDigits + 1]byte
	d, reason := readDecimal(v, buf[:0])
	switch {
	case reason != "":
		return 0, reason
	case d.negative:
		return 0, pipeline.NegativeNumber
	case !d.whole() || d.point > 15:
		return 0, pipeline.InvalidNumber
	}
	n := int64(0)
	for i := range d.point {
		n *= 10
		if i < len(d.digits) {
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
