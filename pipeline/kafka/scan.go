package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Scan is Read for callers that look at many records and keep none: the record, its key, value and headers (their names
// too) are valid during the call of each only. It allocates nothing per record, which with the headers of dead letters
// makes it several times as fast.
func (a *Admin) Scan(ctx context.Context, r Range, each func(*pipeline.Record) error) error {
	return (&reader{admin: a, each: each, lend: &loan{}}).run(ctx, r)
}

// loan is the record a Scan lends out, and its memory.
type loan struct {
	record  pipeline.Record
	headers []pipeline.Header
}

// The fixed part of a record batch, as Kafka's protocol lays it out.
const (
	batchLength     = 8
	batchMagic      = 16
	batchCRC        = 17
	batchAttributes = 21
	batchLastDelta  = 23
	batchFirstTime  = 27
	batchMaxTime    = 35
	batchCount      = 57
	batchHeader     = 61

	attributeCompression = 0x07
	attributeAppendTime  = 0x08
	attributeTransaction = 0x10
	attributeControl     = 0x20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// readable reports whether an answer holds what scan reads: batches of today's format and of no transaction. Whatever
// else there is, errors too, the thorough way reads.
func (l *loan) readable(p *kmsg.FetchResponseTopicPartition) bool {
	if p.ErrorCode != 0 || len(p.RecordBatches) < batchHeader {
		return false
	}
	for rest := p.RecordBatches; len(rest) >= batchHeader; {
		n := batchSize(rest)
		if rest[batchMagic] != 2 || attributes(rest)&attributeTransaction != 0 || n < batchHeader {
			return false
		}
		rest = rest[min(n, len(rest)):]
	}
	return true
}

func batchSize(b []byte) int          { return 12 + int(int32(binary.BigEndian.Uint32(b[batchLength:]))) }
func attributes(b []byte) int16       { return int16(binary.BigEndian.Uint16(b[batchAttributes:])) }
func number64(b []byte, at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
func number32(b []byte, at int) int32 { return int32(binary.BigEndian.Uint32(b[at:])) }

// scan lends out the records of one partition's part of an answer. Its last batch may be cut off: it comes again.
func (rd *reader) scan(s *span, p *kmsg.FetchResponseTopicPartition) error {
	for rest := p.RecordBatches; len(rest) >= batchHeader && len(rest) >= batchSize(rest) && s.at < s.end; {
		n := batchSize(rest)
		if err := rd.batch(s, rest[:n]); err != nil {
			return err
		}
		s.at = max(s.at, number64(rest, 0)+int64(number32(rest, batchLastDelta))+1)
		rest = rest[n:]
	}
	return nil
}

func (rd *reader) batch(s *span, b []byte) error {
	attributes := attributes(b)
	if attributes&attributeControl != 0 {
		return nil
	}
	if crc32.Checksum(b[batchAttributes:], castagnoli) != binary.BigEndian.Uint32(b[batchCRC:]) {
		return fmt.Errorf("read %s: the batch at offset %d is damaged", s, number64(b, 0))
	}
	records, err := rd.unpack.Decompress(b[batchHeader:], kgo.CompressionCodecType(attributes&attributeCompression))
	if err != nil {
		return fmt.Errorf("read %s: decompress the batch at offset %d: %w", s, number64(b, 0), err)
	}
	c := cursor{rest: records}
	for range number32(b, batchCount) {
		one := cursor{rest: c.take(c.varint())}
		at := rd.lend.fill(&one, s, b)
		if c.broken || one.broken {
			return fmt.Errorf("read %s: the batch at offset %d is cut short", s, number64(b, 0))
		}
		if at < s.at || at >= s.end {
			continue
		}
		if err := rd.each(&rd.lend.record); err != nil {
			return err
		}
	}
	return nil
}

// fill reads one record of the batch into the loan and returns its offset.
func (l *loan) fill(c *cursor, s *span, batch []byte) int64 {
	c.take(1) // attributes: none are in use
	at := number64(batch, batchFirstTime) + int64(c.varint())
	if attributes(batch)&attributeAppendTime != 0 {
		at = number64(batch, batchMaxTime)
	}
	offset := number64(batch, 0) + int64(c.varint())
	l.record = pipeline.Record{Topic: s.topic, Partition: s.id, Offset: offset, Timestamp: time.UnixMilli(at)}
	l.record.Key = c.bytes()
	l.record.Value = c.bytes()
	l.headers = l.headers[:0]
	for n := c.varint(); n > 0 && !c.broken; n-- {
		key := c.bytes()
		l.headers = append(l.headers, pipeline.Header{Key: unsafe.String(unsafe.SliceData(key), len(key)), Value: c.bytes()})
	}
	l.record.Headers = l.headers
	return offset
}

// cursor reads a record's bytes and remembers that it could not.
type cursor struct {
	rest   []byte
	broken bool
}

func (c *cursor) varint() int {
	v, n := binary.Varint(c.rest)
	if n <= 0 {
		c.broken, c.rest = true, nil
		return 0
	}
	c.rest = c.rest[n:]
	return int(v)
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.rest) {
		c.broken, c.rest = true, nil
		return nil
	}
	taken := c.rest[:n:n]
	c.rest = c.rest[n:]
	return taken
}

// bytes are a length and as many bytes; a length of -1 is null.
func (c *cursor) bytes() []byte {
	n := c.varint()
	if n == -1 {
		return nil
	}
	return c.take(n)
}
