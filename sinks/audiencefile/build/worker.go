package audiencefile

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/tokrelay/tokrelay/pipeline"
)

// worker turns the records of some partitions into entries, in their order.
type worker struct {
	collection *collection
	build      *build
	runner     pipeline.Runner // its items are the lines of one row, in Buf
	maker      *Maker
	out        *spillWriter
	in         chan []row
	counts     Counts

	key []byte

	letters []pipeline.Letter
	places  []place // of the letters
	share   share
}

// row is a record and the index of its partition.
type row struct {
	pipeline.Record
	partition int
}

// batchRows and batchBytes bound what is handed to a worker at once.
const (
	batchRows  = 512
	batchBytes = 1 << 20
)

func (w *worker) run(ctx context.Context) error {
	for batch := range w.in {
		for i := range batch {
			if err := w.take(ctx, &batch[i]); err != nil {
				return err
			}
		}
		w.counts.Records += int64(len(batch))
		w.build.job.progress.add(len(batch))
		w.collection.recycle(batch)
	}
	if err := w.send(ctx); err != nil {
		return err
	}
	return w.out.flush()
}

// take turns a record into an entry of its key, whatever it is: a row that is rejected or filtered takes its member out,
// for nobody knows that it still is one. A row whose operation the sync skips, and what is no row at all, changes nothing.
func (w *worker) take(ctx context.Context, r *row) error {
	lines, err := w.read(ctx, r)
	rejection, rejected := errors.AsType[*pipeline.Rejection](err)
	if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		w.counts.Skipped[skip]++
		if skip != pipeline.SkipFiltered {
			return nil
		}
	} else if rejected {
		if err := w.reject(ctx, r, rejection); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := w.share.row(rejected && r.Offset >= w.collection.written.of(r.partition)); err != nil {
		return err
	}
	if len(r.Key) == 0 {
		return nil
	}
	w.counts.Changes++
	return w.write(r, lines)
}

// read gives the lines of the record's row.
func (w *worker) read(ctx context.Context, r *row) ([]byte, error) {
	for tries := 0; ; tries++ {
		lines, err := w.attempt(ctx, r)
		trouble, ok := errors.AsType[*pipeline.Trouble](err)
		if !ok || trouble.Stop {
			w.collection.clear(tries > 0)
			return lines, err
		}
		if err := w.collection.wait(ctx, trouble, tries); err != nil {
			return nil, err
		}
	}
}

func (w *worker) attempt(ctx context.Context, r *row) ([]byte, error) {
	w.runner.Items.Reset()
	err := w.runner.Row(ctx, &r.Record, 0)
	return w.runner.Items.Buf, err
}

// stepsOf are the sync's steps for a run: they end in lines.
func (w *worker) stepsOf(s pipeline.Steps) pipeline.Steps {
	decode := s.Decode
	s.Decode = func(ctx context.Context, r *pipeline.Record, into *pipeline.Change) error {
		if deleted(r, into) {
			return nil
		}
		return decode(ctx, r, into)
	}
	s.Make = w.make
	return s
}

// deleted makes a delete of every tombstone of a key: behind Debezium's delete it repeats it, and once compaction has taken
// that away it is all that is left.
func deleted(r *pipeline.Record, into *pipeline.Change) bool {
	if r.Value != nil || len(r.Key) == 0 {
		return false
	}
	into.Op, into.Key, into.KeyRow = pipeline.Delete, r.Key, true
	return true
}

func (w *worker) make(items *pipeline.Items, _ int, c *pipeline.Change) (err error) {
	if len(c.Key) == 0 {
		return pipeline.Reject(pipeline.StageMap, pipeline.InvalidDeliveryKey, "", "a record key that names the member")
	}
	items.Buf, err = w.maker.Lines(items.Buf, c)
	return err
}

func (w *worker) write(r *row, lines []byte) error {
	key := w.keyOf(r)
	out, err := w.out.room(int(key[0]), entryHead+len(lines))
	if err != nil {
		return err
	}
	entry(out).setHead(key, orderOf(r.Timestamp.UnixMilli(), r.partition), len(lines)/w.build.plan.layout.width)
	copy(out[entryHead:], lines)
	return nil
}

// keyOf is the digest a record's key goes by.
func (w *worker) keyOf(r *row) [keySize]byte {
	w.key = append(append(w.key[:0], w.collection.prefixes[r.partition]...), r.Key...)
	sum := sha256.Sum256(w.key)
	return [keySize]byte(sum[:])
}

// keyPrefixes stand before the keys of each partition that are hashed: a digest of salt and topic. They are short, so that
// most keys cost one block of SHA-256.
func keyPrefixes(salt []byte, spans []Span) [][]byte {
	prefixes := make([][]byte, len(spans))
	for i, s := range spans {
		sum := sha256.Sum256(append(salt[:len(salt):len(salt)], s.Topic...))
		prefixes[i] = sum[:16]
	}
	return prefixes
}
