package kafka

import "github.com/twmb/franz-go/pkg/kgo"

// Write writes a record; it copies key and value. A nil value is a tombstone.
type Write = func(topic string, partition int32, key, value []byte)

// Slab copies records that are written, and keeps the copies until Kafka has answered for all of them.
type Slab struct {
	bytes   []byte
	records []kgo.Record
}

const (
	slabRecords = 256
	slabBytes   = 64 << 10
)

// Reset makes room again; Kafka has answered for all records.
func (s *Slab) Reset() { s.bytes, s.records = s.bytes[:0], s.records[:0] }

// Record copies a record; records under way keep their part of the slab alive.
func (s *Slab) Record(topic string, partition int32, key, value []byte) *kgo.Record {
	if len(s.records) == cap(s.records) {
		s.records = make([]kgo.Record, 0, slabRecords)
	}
	s.records = append(s.records, kgo.Record{Topic: topic, Partition: partition, Key: s.copy(key)})
	r := &s.records[len(s.records)-1]
	if value != nil {
		r.Value = s.copy(value)
	}
	return r
}

func (s *Slab) copy(v []byte) []byte {
	if cap(s.bytes)-len(s.bytes) < len(v) {
		s.bytes = make([]byte, 0, max(slabBytes, len(v)))
	}
	start := len(s.bytes)
	s.bytes = append(s.bytes, v...)
	return s.bytes[start:len(s.bytes):len(s.bytes)]
}
