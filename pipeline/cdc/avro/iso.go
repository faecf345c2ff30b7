package avro

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// isoValue reads the texts of Debezium's ISO types; false for anything else, infinity among it.
func isoValue(m Meaning, b []byte) (pipeline.Value, bool) {
	if m == ZonedTime {
		b = append([]byte("1970-01-01T"), b...)
	}
	v, ok := pipeline.ParseTime(b)
	if !ok {
		return v, false
	}
	kind := v.Kind()
	switch {
	case m == ISODate:
		return v, kind == pipeline.Date
	case m == ZonedTimestamp:
		return v, kind == pipeline.Instant
	case m == ISOTimestamp && kind == pipeline.Instant && b[len(b)-1] == 'Z':
		at, _ := v.Time(time.UTC)
		return pipeline.LocalValue(at.Unix(), int32(at.Nanosecond())), true
	case m == ISOTimestamp:
		return v, kind == pipeline.Local
	}
	at, _ := v.Time(time.UTC)
	return pipeline.TimeOfDayValue(int64(at.Sub(at.Truncate(24 * time.Hour)))), m == ZonedTime && kind == pipeline.Instant
}

// UnixMillis is a time of milliseconds since 1970; zero is not a time.
func UnixMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
