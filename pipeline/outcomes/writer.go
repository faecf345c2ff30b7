package outcomes

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Producer writes records to one partition, and returns nil once Kafka has acknowledged all of them. Keys may be nil. Nothing is kept
// of keys and values once it returned nil.
type Producer interface {
	Batch(ctx context.Context, topic string, partition int32, keys, values [][]byte) error
}

// About is what a writer knows of its sync.
type About struct {
	Sync   string
	Replay string // id of the replay that it writes for, "" for an instance that reads the source
	By     string // who asked for the replay
	// Identity is what Outcome.Key is made of: a record's key without framing.
	Identity func(r *pipeline.Record) []byte
	// Said is what the i-th item of a chunk tells TikTok, and of which person, after dst; nil: items are sent, and Items.Persons knows.
	Said func(items *pipeline.Items, i int, dst []byte) (Action, []byte)
	Sent Action // what TikTok is told of a row that it refuses
	// Column is the source's column that a field is mapped from, or "".
	Column func(field string) string
}

// Deps are a writer's neighbours.
type Deps struct {
	Topic      string
	Producer   Producer
	Head       func(ctx context.Context) (Head, error) // of records; asked for each batch, and again while it fails
	Partitions func() int                              // of the topic
	Status     *pipeline.Status                        // nil: none
}

// Writer writes the outcomes of one sync. It is safe for concurrent use.
type Writer struct {
	about    About
	deps     Deps
	attempts pipeline.Attempts
}

// NewWriter makes a writer.
func NewWriter(about About, deps Deps) *Writer {
	return &Writer{about: about, deps: deps, attempts: pipeline.Attempts{Status: deps.Status, Sync: about.Sync, What: "write outcomes", Kind: pipeline.TroubleKafka}}
}

// Chunk writes how the rows of a chunk ended of which it was told: those that are not dead letters. It returns nil once Kafka has
// acknowledged all of it; it tries without end, says so on the status, and fails only when ctx ends.
func (w *Writer) Chunk(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	b, err := w.batch(ctx)
	if err != nil {
		return err
	}
	at := int32(LettersPartition)
	if w.about.Replay == "" {
		at = PartitionOf(c.Topic, c.Partition, w.deps.Partitions())
	}
	item, now := 0, time.Now().UnixMilli()
	for row, told := range c.Told() {
		if told == nil {
			continue
		}
		for item < len(items.List) && items.List[item].Row < int32(row) {
			item++
		}
		w.row(b, &c.Records[row], told, now)
		switch {
		case told.EventID != nil:
			b.out.Action, b.out.EventID, b.out.Digests = Send, told.EventID, append(b.out.Digests, told.Persons...)
		case item < len(items.List) && items.List[item].Row == int32(row):
			w.item(b, items, item)
		}
		b.add()
	}
	return w.write(ctx, at, b)
}

// row fills in what the row's record and its end say.
func (w *Writer) row(b *batch, r *pipeline.Record, told *pipeline.Told, now int64) {
	b.out = Outcome{Sync: w.about.Sync, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: w.key(b, r), Digests: b.out.Digests[:0], Changed: Millis(r.Timestamp),
		Settled: now, Replay: w.about.Replay, By: w.about.By}
	switch {
	case told.Skip != "":
		b.out.End, b.out.Reason = Skipped, string(told.Skip)
	case told.Asserted:
		b.out.End = Asserted
	default:
		b.out.End, b.out.Call, b.out.RequestID, b.out.Code, b.out.HasCode = Delivered, told.Call, told.RequestID, told.Code, true
	}
}

// key is what Outcome.Key is of a record, in the batch's memory.
func (w *Writer) key(b *batch, r *pipeline.Record) []byte {
	if r.Bare || w.about.Identity == nil {
		return nil
	}
	key := AppendKey(b.key[:0], w.about.Identity(r))
	if len(key) == 0 {
		return nil
	}
	b.key = key
	return key
}

// item fills in what the row's first item says.
func (w *Writer) item(b *batch, items *pipeline.Items, i int) {
	if b.out.Action = Send; w.about.Said == nil {
		b.out.EventID, b.out.Digests = items.ID(i), append(b.out.Digests, items.Persons(i)...)
	} else {
		b.out.Action, b.out.Digests = w.about.Said(items, i, b.out.Digests)
	}
	if b.out.End == Skipped {
		b.out.Action = None
	}
}

// Letters writes how rows ended whose dead letters are written. It returns like Chunk.
func (w *Writer) Letters(ctx context.Context, letters []pipeline.Letter, at []pipeline.Position) error {
	b, err := w.batch(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	for i := range letters {
		w.letter(b, &letters[i], at[i], now)
		b.add()
	}
	return w.write(ctx, LettersPartition, b)
}

func (w *Writer) letter(b *batch, l *pipeline.Letter, at pipeline.Position, now int64) {
	r, why := l.Record, l.Rejection
	b.out = Outcome{Sync: w.about.Sync, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: w.key(b, r), EventID: []byte(why.EventID), Digests: append(b.out.Digests[:0], l.Persons...),
		End: Rejected, Stage: string(why.Stage), Reason: string(why.Reason), Field: why.Field, RequestID: why.RequestID, Call: why.BatchID,
		Changed: Millis(r.Timestamp), Settled: now, Replay: w.about.Replay, By: w.about.By, Letter: Letter{Partition: at.Partition, Offset: at.Offset, Known: true}}
	if why.Class() == pipeline.ClassFailed {
		b.out.End = Failed
	}
	if why.Stage == pipeline.StageSend {
		b.out.Action = w.about.Sent
		b.out.Code, b.out.HasCode = why.Code, true
		if why.HTTPStatus != 200 {
			b.out.Code = why.HTTPStatus
		}
	}
	if w.about.Column != nil && why.Field != "" {
		b.out.Column = w.about.Column(why.Field)
	}
}

// Skipped writes that rows were not replayed, for a reason. It returns like Chunk.
func (w *Writer) Skipped(ctx context.Context, rows []pipeline.Record, why pipeline.SkipReason) error {
	b, err := w.batch(ctx)
	if err != nil {
		return err
	}
	now, told := time.Now().UnixMilli(), &pipeline.Told{Skip: why}
	for i := range rows {
		w.row(b, &rows[i], told, now)
		b.add()
	}
	return w.write(ctx, LettersPartition, b)
}

// batch is records on their way to one partition. Its memory is used again.
type batch struct {
	out  Outcome
	key  []byte // memory of its key
	head Head
	buf  []byte
	ends []int // of the records in buf
	keys []bool
	k, v [][]byte
	kept bool // something may still look at its memory
}

var batches = sync.Pool{New: func() any { return new(batch) }}

func (w *Writer) batch(ctx context.Context) (*batch, error) {
	b := batches.Get().(*batch)
	b.buf, b.ends, b.keys = b.buf[:0], b.ends[:0], b.keys[:0]
	return b, w.until(ctx, func() (err error) {
		b.head, err = w.deps.Head(ctx)
		return err
	})
}

// until tries until it works, or ctx ends.
func (w *Writer) until(ctx context.Context, do func() error) error {
	if err := w.attempts.Until(ctx, do); err != nil {
		return fmt.Errorf("write to %s: %w", w.deps.Topic, err)
	}
	return nil
}

// add appends the outcome: its key, if it has one, and its value.
func (b *batch) add() {
	b.buf = append(b.buf, b.out.Key...)
	b.buf = b.out.Append(b.buf, b.head)
	b.ends, b.keys = append(b.ends, len(b.buf)), append(b.keys, b.out.Key != nil)
}

// mostWritten is how many bytes of records are written together: brokers take a megabyte by default.
const mostWritten = 512 << 10

// records are the keys and values, as Producer takes them, in parts that are small enough.
func (b *batch) records(do func(keys, values [][]byte) error) error {
	b.k, b.v = b.k[:0], b.v[:0]
	from, size := 0, 0
	for i, end := range b.ends {
		key, value := []byte(nil), b.buf[from:end]
		if b.keys[i] {
			key, value = value[:Prefix], value[Prefix:]
		}
		if size += end - from; size > mostWritten && len(b.v) > 0 {
			if err := do(b.k, b.v); err != nil {
				return err
			}
			b.k, b.v, size = b.k[:0], b.v[:0], end-from
		}
		b.k, b.v, from = append(b.k, key), append(b.v, value), end
	}
	if len(b.v) == 0 {
		return nil
	}
	return do(b.k, b.v)
}

// write produces until everything is acknowledged.
func (w *Writer) write(ctx context.Context, partition int32, b *batch) error {
	err := b.records(func(keys, values [][]byte) error {
		return w.until(ctx, func() error {
			err := w.deps.Producer.Batch(ctx, w.deps.Topic, partition, keys, values)
			b.kept = b.kept || err != nil
			return err
		})
	})
	if !b.kept {
		batches.Put(b)
	}
	return err
}
