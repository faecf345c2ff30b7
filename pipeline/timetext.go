package pipeline

import "time"

// A text of a time, on its way: digits are put in place, which takes a fraction of AppendFormat's time. Every time column
// of every row is written for the row's hash.
type timeText struct {
	digits [len("2006-01-02T15:04:05.999999999")]byte
	n      int
}

func (x *timeText) two(n int) {
	x.digits[x.n], x.digits[x.n+1] = byte('0'+n/10), byte('0'+n%10)
	x.n += 2
}

func (x *timeText) after(c byte, n int) {
	x.digits[x.n] = c
	x.n++
	x.two(n)
}

// date writes 2006-01-02; the year must have four digits.
func (x *timeText) date(t time.Time) {
	year, month, day := t.Date()
	x.two(year / 100)
	x.two(year % 100)
	x.after('-', int(month))
	x.after('-', day)
}

// clock writes 15:04:05 and the fraction of the second, without zeros at its end.
func (x *timeText) clock(t time.Time) {
	hour, minute, second := t.Clock()
	x.two(hour)
	x.after(':', minute)
	x.after(':', second)
	if nanos := uint32(t.Nanosecond()); nanos != 0 {
		x.fraction(nanos)
	}
}

func (x *timeText) fraction(nanos uint32) {
	x.digits[x.n] = '.'
	for i := x.n + 9; i > x.n; i, nanos = i-1, nanos/10 {
		x.digits[i] = byte('0' + nanos%10)
	}
	for x.n += 10; x.digits[x.n-1] == '0'; x.n-- {
	}
}

// appendDateTime appends 2006-01-02T15:04:05.999999999 of a time in UTC.
func appendDateTime(dst []byte, t time.Time) []byte {
	if !fourDigits(t) {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.999999999")
	}
	var x timeText
	x.date(t)
	x.digits[x.n] = 'T'
	x.n++
	x.clock(t)
	return append(dst, x.digits[:x.n]...)
}

func appendDate(dst []byte, t time.Time) []byte {
	if !fourDigits(t) {
		return t.AppendFormat(dst, time.DateOnly)
	}
	var x timeText
	x.date(t)
	return append(dst, x.digits[:x.n]...)
}

func appendClock(dst []byte, t time.Time) []byte {
	var x timeText
	x.clock(t)
	return append(dst, x.digits[:x.n]...)
}

// fourDigits is true from the year 0 to 9999.
func fourDigits(t time.Time) bool {
	return t.Unix() >= -62167219200 && t.Unix() <= 253402300799
}
