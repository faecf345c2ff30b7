package mapping

import (
	"bytes"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// parseISO reads ISO 8601 and its relatives that databases print: a date; a date and time with T or a space, with or
// without seconds, fraction and zone (Z, UTC, +02, +0200, +02:00, with or without a space before). A time without zone
// is Local, a date alone is Date.
func parseISO(text []byte) (pipeline.Value, bool) {
	p := isoParser{text: Trim(text)}
	year, month, day := p.number(4), p.after('-', 2), p.after('-', 2)
	if p.bad || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return pipeline.Value{}, false
	}
	days := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Unix() / 86400
	if p.end() || string(p.text) == "Z" {
		return pipeline.DateValue(days), true
	}
	seconds, nanos := p.clock()
	offset, zoned := p.zone()
	if p.bad || !p.end() {
		return pipeline.Value{}, false
	}
	if !zoned {
		return pipeline.LocalValue(days*86400+seconds, nanos), true
	}
	return pipeline.InstantValue(days*86400+seconds-offset, nanos), true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// isoParser eats a text from the left; once bad, it stays so.
type isoParser struct {
	text []byte
	bad  bool
}

func (p *isoParser) end() bool { return len(p.text) == 0 }

func (p *isoParser) skip(c byte) bool {
	if p.end() || p.text[0] != c {
		return false
	}
	p.text = p.text[1:]
	return true
}

// number reads exactly n digits.
func (p *isoParser) number(n int) (value int) {
	if len(p.text) < n {
		p.bad = true
		return 0
	}
	for _, c := range p.text[:n] {
		p.bad = p.bad || !isDigit(c)
		value = value*10 + int(c-'0')
	}
	p.text = p.text[n:]
	return value
}

func (p *isoParser) after(c byte, n int) int {
	p.bad = !p.skip(c) || p.bad
	return p.number(n)
}

// clock reads HH:MM, HH:MM:SS or HH:MM:SS.fraction behind a T or spaces.
func (p *isoParser) clock() (seconds int64, nanos int32) {
	if !p.skip('T') && !p.skip('t') {
		p.bad = !p.skip(' ') || p.bad
		p.text = bytes.TrimLeft(p.text, " ")
	}
	hour, minute, second := p.number(2), p.after(':', 2), 0
	if p.skip(':') {
		second = p.number(2)
	}
	if p.skip('.') || p.skip(',') {
		nanos = p.fraction()
	}
	p.bad = p.bad || hour > 23 || minute > 59 || second > 59
	return int64(hour*3600 + minute*60 + second), nanos
}

func (p *isoParser) fraction() (nanos int32) {
	n := 0
	for ; !p.end() && isDigit(p.text[0]); n++ {
		if n < 9 {
			nanos = nanos*10 + int32(p.text[0]-'0')
		}
		p.text = p.text[1:]
	}
	p.bad = p.bad || n == 0
	for ; n < 9; n++ {
		nanos *= 10
	}
	return nanos
}

// zone reads what is left as a zone: its offset in seconds, or false where there is none.
func (p *isoParser) zone() (offset int64, zoned bool) {
	p.text = bytes.TrimLeft(p.text, " ")
	switch {
	case p.end():
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
func (p *isoParser) offset() int64 {
	hour, minute, second := p.number(2), 0, 0
	if p.skip(':') || !p.end() {
		minute = p.number(2)
	}
	if p.skip(':') {
		second = p.number(2)
	}
	p.bad = p.bad || hour > 18 || minute > 59 || second > 59
	return int64(hour*3600 + minute*60 + second)
}
