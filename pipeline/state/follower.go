package state

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Log is a compacted topic.
type Log struct {
	Topic string
	// Ends are the offsets behind the last record of every partition, and the topic's id, which another topic of the same
	// name does not have: "" where brokers give none.
	Ends func(ctx context.Context) (id string, ends map[int32]int64, err error)
	// Read calls each for the records between from and to, a partition's in their order, or errs: also when the topic is
	// not the one with the id any more. A partition that from lacks is read from its oldest record.
	Read func(ctx context.Context, id string, from, to map[int32]int64, each func(*pipeline.Record) error) error
	// Produce writes records and returns when each is acknowledged or given up: one error per record. It may set the
	// Partition and Offset of acknowledged ones; that spares reading them again.
	Produce func(ctx context.Context, records []pipeline.Record) []error
	// MadeAgain, if not nil, is called when the topic was deleted and created again: the new one has been read from its
	// beginning, and written is how many records of the old one, which the new one lacked, were written to it.
	MadeAgain func(written int)
}

// follower keeps up with a topic. What is applied is the topic's records in their order, and ahead of it the records
// written here, once they are acknowledged.
//
// Writers share turn and readers have it alone: so nothing is being written while what was written is read again, and
// no record ever goes back behind a later one of the same key.
type follower struct {
	Log
	apply func(records []pipeline.Record)
	held  func(yield func(pipeline.Record) bool) // all that is applied, as records
	turn  *semaphore.Weighted

	asked    atomic.Int64 // refreshes asked for
	covered  int64        // and those that are done; guarded by turn
	restored bool         // the topic has been read to an end once; guarded by turn
	owes     bool         // a topic made again may lack what is applied; guarded by turn
	id       string       // of the topic that next is about; guarded by turn

	mu   sync.Mutex
	next map[int32]int64              // up to where the topic is applied
	own  map[int32]map[int64]struct{} // offsets beyond, written here and applied
}

const alone = 1 << 30

func newFollower(l Log, apply func(records []pipeline.Record), held func(yield func(pipeline.Record) bool)) *follower {
	return &follower{Log: l, apply: apply, held: held, turn: semaphore.NewWeighted(alone), next: map[int32]int64{}, own: map[int32]map[int64]struct{}{}}
}

// refresh applies the topic up to its present end. Callers that come while another refreshes share the next one.
func (f *follower) refresh(ctx context.Context) error {
	me := f.asked.Add(1)
	if err := f.turn.Acquire(ctx, alone); err != nil {
		return err
	}
	defer f.turn.Release(alone)
	if f.covered >= me {
		return nil
	}
	covers := f.asked.Load()
	if err := f.catchUp(ctx); err != nil {
		return fmt.Errorf("read %s: %w", f.Topic, err)
	}
	f.covered = covers
	return nil
}

// catchUp reads what is missing. Once restored, it is applied in one go: read by halves, records written here would
// come back behind later ones for a moment.
func (f *follower) catchUp(ctx context.Context) error {
	id, ends, err := f.Ends(ctx)
	if err != nil {
		return err
	}
	again, err := f.another(id, ends)
	if err != nil {
		return err
	}
	if f.owes = f.owes || again; f.owes {
		return f.beginAgain(ctx, id, ends)
	}
	if from, to := f.missing(ends); len(to) > 0 {
		err = f.read(ctx, id, from, to)
	}
	if err == nil {
		f.restored, f.id = true, id
	}
	return err
}

// beginAgain reads a topic made again over what was read of the old one, which is all there was, and writes to it what it
// lacks of that: nothing is forgotten because a topic was deleted. Where that fails, the next refresh does it.
func (f *follower) beginAgain(ctx context.Context, id string, ends map[int32]int64) error {
	has := map[string]bool{}
	var news []pipeline.Record
	err := f.Read(ctx, id, nil, ends, func(r *pipeline.Record) error {
		has[string(r.Key)] = true
		news = append(news, *r)
		return nil
	})
	if err != nil {
		return err
	}
	f.forget()
	f.apply(news)
	for partition, end := range ends {
		f.moveTo(partition, end)
	}
	written, err := f.writeBack(ctx, has)
	if err != nil {
		return err
	}
	f.id, f.restored, f.owes = id, true, false
	if f.MadeAgain != nil {
		f.MadeAgain(written)
	}
	return nil
}

// writeBack writes what is applied and the topic does not have. The next refresh reads it: another instance may have written
// the same.
func (f *follower) writeBack(ctx context.Context, has map[string]bool) (written int, err error) {
	var lacking []pipeline.Record
	for r := range f.held {
		if !has[string(r.Key)] {
			r.Topic, r.Offset = f.Topic, -1
			lacking = append(lacking, r)
		}
	}
	if len(lacking) == 0 {
		return 0, nil
	}
	for _, failed := range f.Produce(ctx, lacking) {
		err = cmp.Or(err, failed)
	}
	if err != nil {
		return 0, fmt.Errorf("write what was remembered: %w", err)
	}
	return len(lacking), nil
}

// another reports whether the topic was deleted and created again since it was last read. Where brokers give no ids, an
// end before what was read shows it. With the same id, it is an error that may pass: a broker that was the leader once.
func (f *follower) another(id string, ends map[int32]int64) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.id != "" && id != "" && f.id != id {
		return true, nil
	}
	for partition, end := range ends {
		switch at := f.next[partition]; {
		case end >= at:
		case id == "":
			return true, nil
		default:
			return false, fmt.Errorf("partition %d ends at offset %d, but was read up to %d: Kafka lost records, or a broker is behind; "+
				"if it does not pass, restart this instance: it reads the topic from its beginning", partition, end, at)
		}
	}
	return false, nil
}

// restoreBatch is how many records are applied together while restoring.
const restoreBatch = 4096

// read applies what is between from and to.
func (f *follower) read(ctx context.Context, id string, from, to map[int32]int64) error {
	f.id = id // a part may be applied before an error
	var batch []pipeline.Record
	done := func() {
		f.apply(batch)
		for i := range batch {
			f.moveTo(batch[i].Partition, batch[i].Offset+1)
		}
		clear(batch)
		batch = batch[:0]
	}
	err := f.Read(ctx, id, from, to, func(r *pipeline.Record) error {
		if batch = append(batch, *r); len(batch) >= restoreBatch && !f.restored {
			done()
		}
		return nil
	})
	if err != nil {
		return err
	}
	done()
	for id, end := range to {
		f.moveTo(id, end)
	}
	return nil
}

func (f *follower) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.next)
	clear(f.own)
}

// missing is what lies between what is applied and the ends.
func (f *follower) missing(ends map[int32]int64) (from, to map[int32]int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	from, to = map[int32]int64{}, map[int32]int64{}
	for id, end := range ends {
		at, known := f.next[id]
		if known {
			from[id] = at
		}
		if at < end {
			to[id] = end
		}
	}
	return from, to
}

// moveTo notes that a partition is applied up to an offset, and further over records written here.
func (f *follower) moveTo(id int32, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next[id] = max(f.next[id], offset)
	f.skipOwn(id)
}

func (f *follower) skipOwn(id int32) {
	own := f.own[id]
	for len(own) > 0 {
		at := f.next[id]
		if _, ok := own[at]; !ok {
			break
		}
		delete(own, at)
		f.next[id] = at + 1
	}
	for at := range own {
		if at < f.next[id] {
			delete(own, at)
		}
	}
}

// write writes records and applies those that are acknowledged. Its error is of one that is not.
//
// Without visible, applying them is left to the next refresh.
func (f *follower) write(ctx context.Context, records []pipeline.Record, visible bool) error {
	if err := f.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer f.turn.Release(1)
	for i := range records {
		records[i].Topic, records[i].Offset = f.Topic, -1
	}
	var failed error
	written := records[:0]
	for i, err := range f.Produce(ctx, records) {
		if err != nil {
			failed = fmt.Errorf("write %s: %w", f.Topic, err)
			continue
		}
		written = append(written, records[i])
	}
	if !visible {
		return failed
	}
	f.apply(written)
	for i := range written {
		f.wrote(&written[i])
	}
	return failed
}

func (f *follower) wrote(r *pipeline.Record) {
	if r.Offset < 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch at := f.next[r.Partition]; {
	case r.Offset == at:
		f.next[r.Partition] = at + 1
		f.skipOwn(r.Partition)
	case r.Offset > at:
		if f.own[r.Partition] == nil {
			f.own[r.Partition] = map[int64]struct{}{}
		}
		f.own[r.Partition][r.Offset] = struct{}{}
	}
}
