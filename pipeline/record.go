package pipeline

import (
	"fmt"
	"strings"
	"time"
)

// Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Record is what Kafka gave us. Key and Value are clear personal data and are never changed: a dead letter carries
// them as they came. Value nil is a tombstone; an empty Value is not.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Timestamp time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
	Bare      bool // of the record only its position and time are known: what it held is at its source
}

// Header returns the last header of that name, as Kafka's own readers do.
func (r *Record) Header(key string) ([]byte, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}

// At is where the record is.
func (r *Record) At() Position {
	return Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
}

// IsTopicName reports whether Kafka takes the name for a topic's.
func IsTopicName(name string) bool {
	const legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return name != "" && len(name) <= 249 && name != "." && name != ".." && strings.Trim(name, legal) == ""
}

// Position is At as text.
func (r *Record) Position() string { return r.At().String() }

// Format prints the position whatever the verb: a record's key, value and headers are personal data (P3).
func (r Record) Format(s fmt.State, _ rune) { fmt.Fprint(s, r.Position()) }

// MarshalText gives the position, so that no encoder prints more.
func (r Record) MarshalText() ([]byte, error) { return []byte(r.Position()), nil }
