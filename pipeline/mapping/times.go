package mapping

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Zero bounds what a plain number may mean as a time: below, it is no time but a small number or a date without dashes.
const minPlainSeconds = 100_000_000 // 1973

// unitOf is how many units make a second for a number whose type nobody told. The ranges of the units do not touch for
// any time between 1973 and 5138, so this is no guess.
func unitOf(n int64) (perSecond int64, ok bool) {
	switch {
	case n < minPlainSeconds:
		return 0, false
	case n < 1e11:
		return 1, true
	case n < 1e14:
		return 1e3, true
	case n < 1e17:
		return 1e6, true
	}
	return 1e9, true
}

// instantOf makes an Instant of a number of units.
func instantOf(n, perSecond int64) pipeline.Value {
	seconds, rest := n/perSecond, n%perSecond
	if rest < 0 {
		seconds, rest = seconds-1, rest+perSecond
	}
	return pipeline.InstantValue(seconds, int32(rest*(1e9/perSecond)))
}

// fractionalInstant does the same for a number with a fraction.
func fractionalInstant(f float64, perSecond int64) (pipeline.Value, bool) {
	seconds := f / float64(perSecond)
	if math.IsNaN(seconds) || math.Abs(seconds) > 1e14 {
		return pipeline.Value{}, false
	}
	whole := math.Floor(seconds)
	return pipeline.InstantValue(int64(whole), int32((seconds-whole)*1e9)), true
}

// numericTime reads a number, or a text of one, as a time; unit 0 finds the unit by the size of the number.
func numericTime(v pipeline.Value, perSecond int64) (pipeline.Value, bool) {
	if n, ok := integerOf(v); ok {
		if perSecond == 0 {
			if perSecond, ok = unitOf(n); !ok {
				return pipeline.Value{}, false
			}
		}
		return instantOf(n, perSecond), true
	}
	f, ok := floatOf(v)
	if !ok || math.Abs(f) > math.MaxInt64/2 {
		return pipeline.Value{}, false
	}
	if perSecond == 0 {
		if perSecond, ok = unitOf(int64(f)); !ok {
			return pipeline.Value{}, false
		}
	}
	return fractionalInstant(f, perSecond)
}

func integerOf(v pipeline.Value) (int64, bool) {
	switch v.Kind() {
	case pipeline.Int:
		return v.Int(), true
	case pipeline.Decimal:
		n, ok := v.Unscaled()
		return n, ok && v.Scale() == 0
	case pipeline.String:
		n, err := strconv.ParseInt(alias(Trim(v.Bytes())), 10, 64)
		return n, err == nil
	}
	return 0, false
}

func floatOf(v pipeline.Value) (float64, bool) {
	var buf [64]byte
	switch v.Kind() {
	case pipeline.Float, pipeline.Float32:
		return v.Float(), true
	case pipeline.Int:
		return float64(v.Int()), true
	case pipeline.Decimal:
		f, err := strconv.ParseFloat(string(v.AppendText(buf[:0])), 64)
		return f, err == nil
	case pipeline.String:
		text := Trim(v.Bytes())
		if len(text) == 0 || !plainNumber(text) {
			return 0, false
		}
		f, err := strconv.ParseFloat(alias(text), 64)
		return f, err == nil
	}
	return 0, false
}

// plainNumber keeps out what ParseFloat takes beside numbers: Inf, NaN, hexadecimal, underscores.
func plainNumber(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) && c != '.' && c != '-' && c != 'e' && c != 'E' && c != '+' {
			return false
		}
	}
	return true
}

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

// Time reads any value that can be a point in time: a time of any kind, ISO text, or a number whose unit its size tells.
// Times without a zone are read in the field's.
func (g *Getter) Time(v pipeline.Value) (time.Time, bool) {
	v, ok := g.convert.time(v)
	if !ok {
		return time.Time{}, false
	}
	return v.Time(g.convert.zone)
}
