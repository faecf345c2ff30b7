package cdc

import "strings"

// meaning is what a value is, beyond its Avro type.
type meaning uint8

const (
	plain meaning = iota
	decimal
	varDecimal // io.debezium.data.VariableScaleDecimal: a record of scale and value
	days
	timeMillis
	timeMicros
	timeNanos
	zonedTime // text
	localMillis
	localMicros
	localNanos
	instantMillis
	instantMicros
	instantNanos
	zonedTimestamp // text, with an offset
	isoDate        // text
	isoTimestamp   // text, wall clock
	durationMicros
	durationNanos
	jsonText
	bitSet // little-endian, fits an int64
	uuidFixed
	structuredDate
	structuredTime
	structuredTimestamp
	structuredZonedTimestamp
)

const (
	connectData = "org.apache.kafka.connect.data."
	debezium    = "io.debezium."
)

// named is a meaning by its name and the Avro types it may stand on.
type named struct {
	meaning meaning
	on      []kind
}

var (
	onInt    = []kind{kindInt, kindLong}
	onLong   = []kind{kindLong, kindInt}
	onString = []kind{kindString}
	onRecord = []kind{kindRecord}
)

// connectNames are the semantic types of Connect and Debezium. A name that is not here, or stands on another Avro type,
// means nothing: the value is what its Avro type says. Connect's Timestamp is written for wall clocks and instants alike;
// as a Local it serves both, since a Local is read in UTC unless the mapping names a zone.
var connectNames = map[string]named{
	connectData + "Decimal":                    {decimal, []kind{kindBytes, kindFixed}},
	connectData + "Date":                       {days, onInt},
	connectData + "Time":                       {timeMillis, onInt},
	connectData + "Timestamp":                  {localMillis, onLong},
	debezium + "data.VariableScaleDecimal":     {varDecimal, onRecord},
	debezium + "data.Json":                     {jsonText, onString},
	debezium + "data.Bits":                     {bitSet, []kind{kindBytes}},
	debezium + "time.Date":                     {days, onInt},
	debezium + "time.Time":                     {timeMillis, onInt},
	debezium + "time.MicroTime":                {timeMicros, onLong},
	debezium + "time.NanoTime":                 {timeNanos, onLong},
	debezium + "time.ZonedTime":                {zonedTime, onString},
	debezium + "time.IsoTime":                  {zonedTime, onString},
	debezium + "time.Timestamp":                {localMillis, onLong},
	debezium + "time.MicroTimestamp":           {localMicros, onLong},
	debezium + "time.NanoTimestamp":            {localNanos, onLong},
	debezium + "time.ZonedTimestamp":           {zonedTimestamp, onString},
	debezium + "time.IsoDate":                  {isoDate, onString},
	debezium + "time.IsoTimestamp":             {isoTimestamp, onString},
	debezium + "time.MicroDuration":            {durationMicros, onLong},
	debezium + "time.NanoDuration":             {durationNanos, onLong},
	debezium + "time.StructuredDate":           {structuredDate, onRecord},
	debezium + "time.StructuredTime":           {structuredTime, onRecord},
	debezium + "time.StructuredZonedTime":      {structuredTime, onRecord},
	debezium + "time.StructuredTimestamp":      {structuredTimestamp, onRecord},
	debezium + "time.StructuredZonedTimestamp": {structuredZonedTimestamp, onRecord},
}

// logicalTypes are Avro's own.
var logicalTypes = map[string]named{
	"decimal":                {decimal, []kind{kindBytes, kindFixed}},
	"uuid":                   {uuidFixed, []kind{kindFixed}},
	"date":                   {days, []kind{kindInt}},
	"time-millis":            {timeMillis, []kind{kindInt}},
	"time-micros":            {timeMicros, []kind{kindLong}},
	"timestamp-millis":       {instantMillis, []kind{kindLong}},
	"timestamp-micros":       {instantMicros, []kind{kindLong}},
	"timestamp-nanos":        {instantNanos, []kind{kindLong}},
	"local-timestamp-millis": {localMillis, []kind{kindLong}},
	"local-timestamp-micros": {localMicros, []kind{kindLong}},
	"local-timestamp-nanos":  {localNanos, []kind{kindLong}},
}

// meaningOf asks Connect's name first: Debezium's types have no logical type, and where both stand they agree.
func meaningOf(connectName, logicalType string, on kind) meaning {
	if m := connectNames[connectName]; m.standsOn(on) {
		return m.meaning
	}
	if m := logicalTypes[logicalType]; m.standsOn(on) {
		return m.meaning
	}
	return plain
}

func (n named) standsOn(k kind) bool {
	for _, on := range n.on {
		if on == k {
			return true
		}
	}
	return false
}

// isDebezium tells Debezium's own record names from those of tables.
func isDebezium(fullName string) bool { return strings.HasPrefix(fullName, debezium) }
