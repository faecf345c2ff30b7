package kafka

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Write writes a record; it copies key and value. A nil value is a tombstone.
type Write = func(topic string, partition int32, key, value []byte)

// Slab copies records that are written, and keeps the copies until Kafka has answered for all of them.
type Slab struct {
	bytes   pages[byte]
	records pages[kgo.Record]
	now     time.Time // of the first record: the client would ask for the time of each
}

const (
	slabRecords = 256
	slabBytes   = 64 << 10
)

// Reset makes room again; Kafka has answered for all records.
func (s *Slab) Reset() { s.bytes.used, s.records.used = 0, 0 }

// Record copies a record.
func (s *Slab) Record(topic string, partition int32, key, value []byte) *kgo.Record {
	if s.records.used == 0 {
		s.now = time.Now()
	}
	r := &s.records.take(1, slabRecords)[0]
	*r = kgo.Record{Topic: topic, Partition: partition, Key: s.copy(key), Timestamp: s.now}
	if value != nil {
		r.Value = s.copy(value)
	}
	return r
}

func (s *Slab) copy(v []byte) []byte {
	to := s.bytes.take(len(v), slabBytes)
	copy(to, v)
	return to
}

// pages are memory that is used again. A page never moves.
type pages[T any] struct {
	all  [][]T // each as long as what is taken of it
	used int   // pages in use, the last of them in part
}

// take takes n of a page that has room, or of a new one.
func (p *pages[T]) take(n, page int) []T {
	for {
		if p.used > 0 {
			if last := &p.all[p.used-1]; cap(*last)-len(*last) >= n {
				start := len(*last)
				*last = (*last)[:start+n]
				return (*last)[start : start+n : start+n]
			}
		}
		if p.used == len(p.all) {
			p.all = append(p.all, make([]T, 0, max(page, n)))
		}
		p.all[p.used] = p.all[p.used][:0]
		p.used++
	}
}
