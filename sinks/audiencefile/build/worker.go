package build

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// worker turns the records of some partitions into entries, in their order.
type worker struct {
	collection *collection
	runner     pipeline.Runner // its items are the lines of one row, in Buf
	out        *spillWriter
	in         chan []row
	counts     Counts
	key        []byte
	rejected   rejected
}

func (c *collection) newWorker() *worker {
	in := &c.builder.in
	return &worker{collection: c, runner: pipeline.Runner{Steps: Keyed(in.NewSteps())}, in: make(chan []row, 4), counts: newCounts(),
		out: c.entries.writer(c.builder.memory.buffer(in.Parallel)), rejected: rejected{most: in.MaxRejected}}
}

func (w *worker) run(ctx context.Context) error {
	for rows := range w.in {
		for i := range rows {
			if err := w.row(ctx, &rows[i]); err != nil {
				return err
			}
		}
		w.counts.Records += int64(len(rows))
		w.collection.builder.in.Progress(Step{Records: len(rows)})
		w.collection.recycle(rows)
	}
	if err := w.writeLetters(ctx); err != nil {
		return err
	}
	return w.out.flush()
}

// row turns a record into an entry of its key, whatever it is: a row that is rejected, filtered or has no identifier takes its
// member out, for nothing shows that it still is one. A row whose operation the sync skips, or that has no row, changes nothing; nor does one
// that was rejected because a value was not read from the database: that value has not changed.
func (w *worker) row(ctx context.Context, r *row) error {
	lines, err := w.read(ctx, r)
	rejection, isRejected := errors.AsType[*pipeline.Rejection](err)
	if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		w.counts.Skipped[skip]++
		if isSilent(err) {
			return nil
		}
	} else if isRejected {
		if err := w.reject(ctx, r, rejection); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if err := w.rejected.guard(isRejected && r.Offset >= w.collection.marks.of(r.partition)); err != nil {
		return err
	}
	if !says(w.runner.Change.Key, err) {
		return nil
	}
	w.counts.Changes++
	return w.write(r, lines)
}

// says reports whether a record says something of its key, where err is how the steps ended.
func says(key []byte, err error) bool {
	rejection, isRejected := errors.AsType[*pipeline.Rejection](err)
	return !isSilent(err) && len(key) > 0 && !(isRejected && rejection.Reason == pipeline.UnavailableValueInRow)
}

// isSilent reports whether the sync skips the record for what it is, not for what its row says.
func isSilent(err error) bool {
	skip, ok := errors.AsType[pipeline.SkipReason](err)
	return ok && skip != pipeline.SkipFiltered && skip != pipeline.SkipNoIdentifier
}

// read gives the lines of the record's row. It waits for trouble that passes.
func (w *worker) read(ctx context.Context, r *row) ([]byte, error) {
	report, backoff := w.collection.builder.in.Trouble, pipeline.Backoff{First: time.Second, Most: 30 * time.Second}
	for tries := 0; ; tries++ {
		w.runner.Items.Reset()
		err := w.runner.Row(ctx, &r.Record, 0)
		trouble, ok := errors.AsType[*pipeline.Trouble](err)
		if !ok || trouble.Stop {
			if tries > 0 {
				report(nil)
			}
			return w.runner.Items.Buf, err
		}
		report(trouble)
		if err := backoff.Wait(ctx, tries); err != nil {
			return nil, err
		}
	}
}

// Keyed are a sync's steps for a build, in which a row needs a key.
func Keyed(s pipeline.Steps) pipeline.Steps {
	make := s.Make
	s.Make = func(items *pipeline.Items, row int, c *pipeline.Change) error {
		if len(c.Key) == 0 {
			return pipeline.Reject(pipeline.StageMap, pipeline.InvalidDeliveryKey, "", "a record key that names the member")
		}
		return make(items, row, c)
	}
	return s
}

func (w *worker) write(r *row, lines []byte) error {
	key := w.keyOf(r)
	out, err := w.out.room(int(key[0]), entryHead+len(lines))
	if err != nil {
		return err
	}
	entry(out).setHead(key, orderOf(r.Timestamp.UnixMilli(), r.partition), len(lines)/w.collection.builder.in.Layout.Width)
	copy(out[entryHead:], lines)
	return nil
}

// keyOf is the digest of the row at hand's identity.
func (w *worker) keyOf(r *row) [keySize]byte {
	w.key = append(append(w.key[:0], w.collection.prefixes[r.partition]...), w.runner.Change.Key...)
	sum := sha256.Sum256(w.key)
	return [keySize]byte(sum[:])
}

// keyPrefixes come before the keys of each partition that are hashed: a digest of salt and topic. They are short, so that
// most keys cost one block of SHA-256.
func keyPrefixes(salt []byte, spans []Span) [][]byte {
	prefixes := make([][]byte, len(spans))
	for i, s := range spans {
		sum := sha256.Sum256(append(salt[:len(salt):len(salt)], s.Topic...))
		prefixes[i] = sum[:16]
	}
	return prefixes
}
