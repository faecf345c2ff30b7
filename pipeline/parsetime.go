package pipeline

import (
	"bytes"
	"time"
)

// ParseTime reads ISO 8601 and its relatives that databases print: a date; a date and time with T or a space, with or
// without seconds, fraction and zone (Z, UTC, +02, +0200, +02:00, with or without a space before). Years beyond four digits
// carry a sign. A time without zone is Local, a date alone is Date.
func ParseTime(text []byte) (Value, bool) {
	if v, ok := usualTime(text); ok {
		return v, true
	}
	p := timeParser{text: text}
	year, month, day := p.year(), p.after('-', 2), p.after('-', 2)
	if len(p.text) == 0 || string(p.text) == "Z" {
		return p.value(Date, year, month, day, 0)
	}
	p.separator()
	hour, minute, second := p.number(2), p.after(':', 2), 0
	if p.skip(':') {
		second = p.number(2)
	}
	nanos := 0
	if p.skip('.') || p.skip(',') {
		nanos = p.fraction()
	}
	offset, zoned := p.zone()
	p.bad = p.bad || hour > 23 || minute > 59 || second > 60 || len(p.text) > 0
	kind := Local
	if zoned {
		kind = Instant
	}
	v, ok := p.value(kind, year, month, day, int64(hour*3600+minute*60+second)-offset)
	v.scale = int32(nanos)
	return v, ok
}

// usualTime reads the form nearly every timestamp has, 2006-01-02T15:04:05.999999Z with up to nine digits of fraction.
func usualTime(b []byte) (v Value, ok bool) {
	last := len(b) - 1
	if last < 19 || last > 29 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[last] != 'Z' {
		return v, false
	}
	century, year, month, day := two(b[0:2]), two(b[2:4]), two(b[5:7]), two(b[8:10])
	hour, minute, second := two(b[11:13]), two(b[14:16]), two(b[17:19])
	if century|year > 99 || hour > 23 || minute > 59 || second > 59 {
		return v, false
	}
	p := timeParser{text: b[19:last]}
	nanos := 0
	if p.skip('.') {
		nanos = p.fraction()
	}
	p.bad = p.bad || len(p.text) > 0
	v, ok = p.value(Instant, century*100+year, month, day, int64(hour*3600+minute*60+second))
	v.scale = int32(nanos)
	return v, ok
}

// two reads two digits; what is not a digit makes it more than 99.
func two(b []byte) int {
	high, low := uint(b[0]-'0'), uint(b[1]-'0')
	if high > 9 || low > 9 {
		return 1 << 20
	}
	return int(high*10 + low)
}

// timeParser eats a text from the left; once bad, it stays so.
type timeParser struct {
	text []byte
	bad  bool
}

// value is the time of a kind, if the date exists and nothing was bad.
func (p *timeParser) value(kind Kind, year, month, day int, seconds int64) (Value, bool) {
	if p.bad || month < 1 || month > 12 || day < 1 {
		return Value{}, false
	}
	at := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	switch n := at.Unix(); {
	case day > 28 && at.Day() != day: // the 30th of February is a day in March
		return Value{}, false
	case kind == Date:
		return DateValue(n / 86400), true
	case kind == Local:
		return LocalValue(n+seconds, 0), true
	default:
		return InstantValue(n+seconds, 0), true
	}
}

func (p *timeParser) skip(c byte) bool {
	if len(p.text) == 0 || p.text[0] != c {
		return false
	}
	p.text = p.text[1:]
	return true
}

// digits is how many digits the text begins with.
func (p *timeParser) digits() (n int) {
	for n < len(p.text) && p.text[n]-'0' <= 9 {
		n++
	}
	return n
}

// number reads exactly n digits.
func (p *timeParser) number(n int) (value int) {
	if p.bad = p.bad || p.digits() < n; p.bad {
		return 0
	}
	for _, c := range p.text[:n] {
		value = value*10 + int(c-'0')
	}
	p.text = p.text[n:]
	return value
}

func (p *timeParser) after(c byte, n int) int {
	p.bad = !p.skip(c) || p.bad
	return p.number(n)
}

func (p *timeParser) year() int {
	negative := p.skip('-')
	if !negative && !p.skip('+') {
		return p.number(4)
	}
	n := p.digits()
	p.bad = p.bad || n < 4 || n > 9
	if negative {
		return -p.number(n)
	}
	return p.number(n)
}

func (p *timeParser) separator() {
	if !p.skip('T') && !p.skip('t') {
		p.bad = !p.skip(' ') || p.bad
		p.text = bytes.TrimLeft(p.text, " ")
	}
}

// fraction reads the digits behind a point, as nanoseconds.
func (p *timeParser) fraction() (nanos int) {
	n := p.digits()
	p.bad = p.bad || n == 0
	for _, c := range p.text[:min(n, 9)] {
		nanos = nanos*10 + int(c-'0')
	}
	for i := n; i < 9; i++ {
		nanos *= 10
	}
	p.text = p.text[n:]
	return nanos
}

// zone reads what is left as a zone: its offset in seconds, or false where there is none.
func (p *timeParser) zone() (offset int64, zoned bool) {
	p.text = bytes.TrimLeft(p.text, " ")
	switch {
	case len(p.text) == 0:
		return 0, false
	case p.skip('Z'), p.skip('z'):
		return 0, true
	case string(p.text) == "UTC" || string(p.text) == "GMT":
		p.text = nil
		return 0, true
	case p.skip('+'):
		return p.offset(), true
	case p.skip('-'):
		return -p.offset(), true
	}
	p.bad = true
	return 0, false
}

// offset reads HH, HHMM, HH:MM or HH:MM:SS.
func (p *timeParser) offset() int64 {
	hour, minute, second := p.number(2), 0, 0
	if p.skip(':') || len(p.text) > 0 {
		minute = p.number(2)
	}
	if p.skip(':') {
		second = p.number(2)
	}
	p.bad = p.bad || hour > 18 || minute > 59 || second > 59
	return int64(hour*3600 + minute*60 + second)
}
