package pipeline

import "time"

const secondsPerDay = 86400

// From the year 0 to 9999 a time has the same digits in the same places, and is written here in a tenth of the time that
// AppendFormat takes: every time column of every row is written for the row's hash.
const (
	firstSecond = -719528 * secondsPerDay
	lastSecond  = 2932897*secondsPerDay - 1
)

// appendDateTime appends 2006-01-02T15:04:05.999999999 of a time in UTC.
func appendDateTime(dst []byte, sec int64, nanos int32) []byte {
	if sec < firstSecond || sec > lastSecond {
		return time.Unix(sec, int64(nanos)).UTC().AppendFormat(dst, "2006-01-02T15:04:05.999999999")
	}
	since := uint64(sec - firstSecond)
	dst = append(dst, "0000-00-00T00:00:00"...)
	text := (*[19]byte)(dst[len(dst)-19:])
	putDate((*[10]byte)(text[:]), uint32(since/secondsPerDay))
	putClock((*[8]byte)(text[11:]), uint32(since%secondsPerDay))
	return appendFraction(dst, uint32(nanos))
}

// appendDate appends 2006-01-02.
func appendDate(dst []byte, days int64) []byte {
	if days < firstSecond/secondsPerDay || days > lastSecond/secondsPerDay {
		return time.Unix(days*secondsPerDay, 0).UTC().AppendFormat(dst, time.DateOnly)
	}
	dst = append(dst, "0000-00-00"...)
	putDate((*[10]byte)(dst[len(dst)-10:]), uint32(days-firstSecond/secondsPerDay))
	return dst
}

// appendClock appends 15:04:05.999999999.
func appendClock(dst []byte, t time.Time) []byte {
	hour, minute, second := t.Clock()
	dst = append(dst, "00:00:00"...)
	putClock((*[8]byte)(dst[len(dst)-8:]), uint32(hour*3600+minute*60+second))
	return appendFraction(dst, uint32(t.Nanosecond()))
}

// putDate writes the date of a day counted from the first of January of the year 0. It counts from March, 400 years
// before, so that the leap day comes last and nothing is negative.
func putDate(text *[10]byte, day uint32) {
	day += 146097 - 60
	century := (4*day + 3) / 146097
	day -= century * 146097 / 4
	year := (4*day + 3) / 1461
	day -= year * 1461 / 4
	month := (5*day + 2) / 153
	day -= (153*month + 2) / 5
	year += 100*century - 400
	if month += 3; month > 12 {
		month, year = month-12, year+1
	}
	putTwo(text[0:], year/100)
	putTwo(text[2:], year%100)
	text[4] = '-'
	putTwo(text[5:], month)
	text[7] = '-'
	putTwo(text[8:], day+1)
}

func putClock(text *[8]byte, second uint32) {
	putTwo(text[0:], second/3600)
	text[2] = ':'
	putTwo(text[3:], second/60%60)
	text[5] = ':'
	putTwo(text[6:], second%60)
}

// appendFraction appends the point and up to nine digits, without zeros at the end.
func appendFraction(dst []byte, nanos uint32) []byte {
	if nanos == 0 {
		return dst
	}
	dst = append(dst, ".000000000"...)
	text := (*[10]byte)(dst[len(dst)-10:])
	putTwo(text[1:], nanos/10_000_000)
	putTwo(text[3:], nanos/100_000%100)
	putTwo(text[5:], nanos/1000%100)
	putTwo(text[7:], nanos/10%100)
	text[9] = byte('0' + nanos%10)
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func putTwo(text []byte, n uint32) { text[0], text[1] = byte('0'+n/10), byte('0'+n%10) }
