package avro

import (
	"slices"
	"strings"
)

// Meaning is what a value is, beyond its Avro type.
type Meaning uint8

const (
	Plain Meaning = iota
	Decimal
	VarDecimal // io.debezium.data.VariableScaleDecimal: a record of scale and value
	Days
	timeMillis
	timeMicros
	timeNanos
	ZonedTime // text
	localMillis
	localMicros
	localNanos
	instantMillis
	instantMicros
	instantNanos
	ZonedTimestamp // text, with an offset
	ISODate        // text
	ISOTimestamp   // text, wall clock
	durationMicros
	durationNanos
	JSONText
	bitSet // little-endian, fits an int64
	uuidFixed
	StructuredDate
	StructuredTime
	StructuredTimestamp
	StructuredZonedTimestamp
)

const (
	connectData = "org.apache.kafka.connect.data."
	Debezium    = "io.debezium."
)

// named is a meaning by its name and the Avro types it may be on.
type named struct {
	meaning Meaning
	on      []Kind
}

var (
	onInt    = []Kind{KindInt, KindLong}
	onLong   = []Kind{KindLong, KindInt}
	onString = []Kind{KindString}
	onRecord = []Kind{KindRecord}
)

// connectNames are the semantic types of Connect and Debezium. A name that is not here, or is on another Avro type,
// means nothing: the value is what its Avro type says. Connect's Timestamp is written for wall clocks and instants alike;
// as a Local it serves both, since a Local is read in UTC unless the mapping names a zone.
var connectNames = map[string]named{
	connectData + "Decimal":                    {Decimal, []Kind{KindBytes, KindFixed}},
	connectData + "Date":                       {Days, onInt},
	connectData + "Time":                       {timeMillis, onInt},
	connectData + "Timestamp":                  {localMillis, onLong},
	Debezium + "data.VariableScaleDecimal":     {VarDecimal, onRecord},
	Debezium + "data.Json":                     {JSONText, onString},
	Debezium + "data.Bits":                     {bitSet, []Kind{KindBytes}},
	Debezium + "time.Date":                     {Days, onInt},
	Debezium + "time.Time":                     {timeMillis, onInt},
	Debezium + "time.MicroTime":                {timeMicros, onLong},
	Debezium + "time.NanoTime":                 {timeNanos, onLong},
	Debezium + "time.ZonedTime":                {ZonedTime, onString},
	Debezium + "time.IsoTime":                  {ZonedTime, onString},
	Debezium + "time.Timestamp":                {localMillis, onLong},
	Debezium + "time.MicroTimestamp":           {localMicros, onLong},
	Debezium + "time.NanoTimestamp":            {localNanos, onLong},
	Debezium + "time.ZonedTimestamp":           {ZonedTimestamp, onString},
	Debezium + "time.IsoDate":                  {ISODate, onString},
	Debezium + "time.IsoTimestamp":             {ISOTimestamp, onString},
	Debezium + "time.MicroDuration":            {durationMicros, onLong},
	Debezium + "time.NanoDuration":             {durationNanos, onLong},
	Debezium + "time.StructuredDate":           {StructuredDate, onRecord},
	Debezium + "time.StructuredTime":           {StructuredTime, onRecord},
	Debezium + "time.StructuredZonedTime":      {StructuredTime, onRecord},
	Debezium + "time.StructuredTimestamp":      {StructuredTimestamp, onRecord},
	Debezium + "time.StructuredZonedTimestamp": {StructuredZonedTimestamp, onRecord},
}

// logicalTypes are Avro's own.
var logicalTypes = map[string]named{
	"decimal":                {Decimal, []Kind{KindBytes, KindFixed}},
	"uuid":                   {uuidFixed, []Kind{KindFixed}},
	"date":                   {Days, []Kind{KindInt}},
	"time-millis":            {timeMillis, []Kind{KindInt}},
	"time-micros":            {timeMicros, []Kind{KindLong}},
	"timestamp-millis":       {instantMillis, []Kind{KindLong}},
	"timestamp-micros":       {instantMicros, []Kind{KindLong}},
	"timestamp-nanos":        {instantNanos, []Kind{KindLong}},
	"local-timestamp-millis": {localMillis, []Kind{KindLong}},
	"local-timestamp-micros": {localMicros, []Kind{KindLong}},
	"local-timestamp-nanos":  {localNanos, []Kind{KindLong}},
}

// meaningOf asks Connect's name first: Debezium's types have no logical type, and where both are there they agree.
func meaningOf(connectName, logicalType string, on Kind) Meaning {
	if m := connectNames[connectName]; m.standsOn(on) {
		return m.meaning
	}
	if m := logicalTypes[logicalType]; m.standsOn(on) {
		return m.meaning
	}
	return Plain
}

func (n named) standsOn(k Kind) bool {
	return slices.Contains(n.on, k)
}

// IsDebezium tells Debezium's own record names from those of tables.
func IsDebezium(fullName string) bool { return strings.HasPrefix(fullName, Debezium) }
