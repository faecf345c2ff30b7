package avro

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// isoValue reads the texts of Debezium's ISO types. They are machine-written, so one form each is read; false for
// anything else, infinity among it.
func isoValue(m Meaning, b []byte) (pipeline.Value, bool) {
	r := isoReader{b: b}
	switch m {
	case ZonedTimestamp, ISOTimestamp:
		return r.timestamp(m)
	case ISODate:
		day := r.date()
		r.skip('Z')
		return pipeline.DateValue(day), r.done()
	case ZonedTime:
		ns := r.clock()
		ns -= r.offset() * nano
		const day = 24 * 3600 * nano
		return pipeline.TimeOfDayValue(((ns % day) + day) % day), r.done()
	}
	return pipeline.Value{}, false
}

func (r *isoReader) timestamp(m Meaning) (pipeline.Value, bool) {
	if sec, nanos, ok := usualTimestamp(r.b); ok {
		if m == ISOTimestamp {
			return pipeline.LocalValue(sec, nanos), true
		}
		return pipeline.InstantValue(sec, nanos), true
	}
	day := r.date()
	if !r.skip('T') {
		r.need(' ')
	}
	ns := r.clock()
	sec := day*86400 + ns/nano
	if m == ISOTimestamp {
		r.skip('Z')
		return pipeline.LocalValue(sec, int32(ns%nano)), r.done()
	}
	return pipeline.InstantValue(sec-r.offset(), int32(ns%nano)), r.done()
}

// usualTimestamp reads the form nearly every timestamp has, 2006-01-02T15:04:05.999999Z with up to nine digits of fraction,
// in a quarter of the time.
func usualTimestamp(b []byte) (sec int64, nanos int32, ok bool) {
	last := len(b) - 1
	if last < 19 || last > 29 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[last] != 'Z' {
		return 0, 0, false
	}
	century, year, month, day := two(b[0:2]), two(b[2:4]), two(b[5:7]), two(b[8:10])
	hour, minute, second := two(b[11:13]), two(b[14:16]), two(b[17:19])
	if century|year|month|day|hour|minute|second > 99 || hour > 23 || minute > 59 || second > 59 {
		return 0, 0, false
	}
	y := int64(century*100 + year)
	if month-1 > 11 || day == 0 || int64(day) > daysIn(y, int64(month)) {
		return 0, 0, false
	}
	if nanos, ok = fractionOf(b[19:last]); !ok {
		return 0, 0, false
	}
	return daysSince1970(y, int64(month), int64(day))*86400 + int64(hour*3600+minute*60+second), nanos, true
}

// two reads two digits; what is no digit makes it more than 99.
func two(b []byte) uint {
	high, low := uint(b[0]-'0'), uint(b[1]-'0')
	if high > 9 || low > 9 {
		return 1 << 20
	}
	return high*10 + low
}

func fractionOf(b []byte) (nanos int32, ok bool) {
	if len(b) == 0 {
		return 0, true
	}
	if b[0] != '.' || len(b) < 2 {
		return 0, false
	}
	for _, c := range b[1:] {
		if c-'0' > 9 {
			return 0, false
		}
		nanos = nanos*10 + int32(c-'0')
	}
	return nanos * powersOfTen[10-len(b)], true
}

var powersOfTen = [...]int32{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// isoReader reads left to right; once something does not fit, bad stays true.
type isoReader struct {
	b   []byte
	bad bool
}

func (r *isoReader) done() bool { return !r.bad && len(r.b) == 0 }

func (r *isoReader) skip(c byte) bool {
	if len(r.b) > 0 && r.b[0] == c {
		r.b = r.b[1:]
		return true
	}
	return false
}

func (r *isoReader) need(c byte) {
	if !r.skip(c) {
		r.bad = true
	}
}

// digits reads between least and most digits.
func (r *isoReader) digits(least, most int) (n int64, count int) {
	for count < most && count < len(r.b) && r.b[count]-'0' <= 9 {
		n = n*10 + int64(r.b[count]-'0')
		count++
	}
	r.b = r.b[count:]
	r.bad = r.bad || count < least
	return n, count
}

func (r *isoReader) within(n, least, most int64) int64 {
	r.bad = r.bad || n < least || n > most
	return n
}

// date reads a day, as days since 1970. Years beyond four digits carry a sign.
func (r *isoReader) date() int64 {
	negative, most := r.skip('-'), 9
	if !negative && !r.skip('+') {
		most = 4
	}
	year, _ := r.digits(4, most)
	if negative {
		year = -year
	}
	r.need('-')
	month, _ := r.digits(2, 2)
	r.need('-')
	day, _ := r.digits(2, 2)
	r.within(month, 1, 12)
	if r.bad || day < 1 || day > daysIn(year, month) {
		r.bad = true
		return 0
	}
	return daysSince1970(year, month, day)
}

func daysIn(year, month int64) int64 {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts years from March, so that a leap day is a year's last one.
func daysSince1970(year, month, day int64) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	era := year / 400
	if year < 0 {
		era = (year - 399) / 400
	}
	ofEra := year - era*400
	ofYear := (153*(month-3)+2)/5 + day - 1
	return era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468
}

// clock reads hours, minutes, and optional seconds with up to nine digits of fraction: nanoseconds past midnight.
func (r *isoReader) clock() int64 {
	hour, _ := r.digits(2, 2)
	r.need(':')
	minute, _ := r.digits(2, 2)
	var second, fraction int64
	if r.skip(':') {
		second, _ = r.digits(2, 2)
		if r.skip('.') {
			fraction = r.fraction()
		}
	}
	r.within(minute, 0, 59)
	r.within(second, 0, 60)
	ns := ((hour*60+minute)*60+second)*nano + fraction
	return r.within(ns, 0, 24*3600*nano)
}

func (r *isoReader) fraction() int64 {
	n, count := r.digits(1, 9)
	for ; count < 9; count++ {
		n *= 10
	}
	return n
}

// offset reads Z or ±hh[:mm[:ss]], in seconds east.
func (r *isoReader) offset() int64 {
	if r.skip('Z') {
		return 0
	}
	sign := int64(1)
	if r.skip('-') {
		sign = -1
	} else {
		r.need('+')
	}
	hours, _ := r.digits(2, 2)
	var minutes, seconds int64
	if r.skip(':') || len(r.b) > 0 {
		minutes, _ = r.digits(2, 2)
		if r.skip(':') {
			seconds, _ = r.digits(2, 2)
		}
	}
	r.within(hours, 0, 18)
	r.within(minutes, 0, 59)
	r.within(seconds, 0, 59)
	return sign * (hours*3600 + minutes*60 + seconds)
}

// UnixMillis is a time of milliseconds since 1970; zero is no time.
func UnixMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
