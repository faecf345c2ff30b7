package admin

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"iter"
	"time"
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Scan is Read for callers that look at many records and keep none: the record, its key, value and headers (their names
// too) are valid during the call of each only. It allocates nothing per record, which with the headers of dead letters
// makes it several times as fast.
func (a *Client) Scan(ctx context.Context, r Range, each func(*pipeline.Record) error) error {
	return (&reader{admin: a, each: each, lend: &loan{}}).run(ctx, r)
}

// loan is the record a Scan lends out, and its memory.
type loan struct {
	record  pipeline.Record
	headers []pipeline.Header
}

// What a batch's attributes say.
const (
	attributeCompression = 0x07
	attributeAppendTime  = 0x08
	attributeTransaction = 0x10
	attributeControl     = 0x20
)

// checksummed is where the part of a batch begins that its checksum is of.
const checksummed = 21

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batches are the whole batches of an answer, with their bytes. The last one may be cut off: it comes again.
func batches(p *kmsg.FetchResponseTopicPartition) iter.Seq2[[]byte, *kmsg.RecordBatch] {
	return func(yield func([]byte, *kmsg.RecordBatch) bool) {
		var b kmsg.RecordBatch
		for rest := p.RecordBatches; b.ReadFrom(rest) == nil; {
			n := 12 + int(b.Length) // an offset and the length come before what the length counts
			if !yield(rest[:n], &b) {
				return
			}
			rest = rest[n:]
		}
	}
}

// readable reports whether an answer holds what scan reads: batches of today's format and of no transaction. Whatever
// else there is, errors too, the thorough way reads.
func (l *loan) readable(p *kmsg.FetchResponseTopicPartition) bool {
	n := 0
	for _, b := range batches(p) {
		if b.Magic != 2 || b.Attributes&attributeTransaction != 0 {
			return false
		}
		n++
	}
	return p.ErrorCode == 0 && n > 0
}

// scan lends out the records of one partition's part of an answer.
func (rd *reader) scan(s *span, p *kmsg.FetchResponseTopicPartition) error {
	for raw, b := range batches(p) {
		if s.at >= s.end {
			return nil
		}
		if err := rd.batch(s, raw, b); err != nil {
			return err
		}
		s.at = max(s.at, b.FirstOffset+int64(b.LastOffsetDelta)+1)
	}
	return nil
}

func (rd *reader) batch(s *span, raw []byte, b *kmsg.RecordBatch) error {
	if b.Attributes&attributeControl != 0 {
		return nil
	}
	if crc32.Checksum(raw[checksummed:], castagnoli) != uint32(b.CRC) {
		return fmt.Errorf("read %s: the batch at offset %d is damaged", s, b.FirstOffset)
	}
	records, err := rd.unpack.Decompress(b.Records, kgo.CompressionCodecType(b.Attributes&attributeCompression))
	if err != nil {
		return fmt.Errorf("read %s: decompress the batch at offset %d: %w", s, b.FirstOffset, err)
	}
	c := cursor{rest: records}
	for range b.NumRecords {
		one := cursor{rest: c.take(c.varint())}
		at := rd.lend.fill(&one, s, b)
		if c.broken || one.broken {
			return fmt.Errorf("read %s: the batch at offset %d is cut short", s, b.FirstOffset)
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
func (l *loan) fill(c *cursor, s *span, b *kmsg.RecordBatch) int64 {
	c.take(1) // attributes: none are in use
	at := b.FirstTimestamp + int64(c.varint())
	if b.Attributes&attributeAppendTime != 0 {
		at = b.MaxTimestamp
	}
	offset := b.FirstOffset + int64(c.varint())
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
