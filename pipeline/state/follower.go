package state

import (
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
	// Ends are the offsets behind the last record of every partition.
	Ends func(ctx context.Context) (map[int32]int64, error)
	// Read calls each for the records between from and to, a partition's in their order. A partition that from lacks is
	// read from its oldest record.
	Read func(ctx context.Context, from, to map[int32]int64, each func(*pipeline.Record) error) error
	// Produce writes records and returns when each is acknowledged or given up: one error per record. It may set the
	// Partition and Offset of acknowledged ones; that spares reading them again.
	Produce func(ctx context.Context, records []pipeline.Record) []error
}

// follower keeps up with a topic. What is applied is the topic's records in their order, and ahead of it the records
// written here, once they are acknowledged.
//
// Writers share turn and readers have it alone: so nothing is being written while what was written is read again, and
// no record ever goes back behind a later one of the same key.
type follower struct {
	Log
	turn *semaphore.Weighted

	asked    atomic.Int64 // refreshes asked for
	covered  int64        // and those that are done; guarded by turn
	restored bool         // the topic has been read to an end once; guarded by turn

	mu   sync.Mutex
	next map[int32]int64              // up to where the topic is applied
	own  map[int32]map[int64]struct{} // offsets beyond, written here and applied
}

const alone = 1 << 30

func newFollower(l Log) *follower {
	return &follower{Log: l, turn: semaphore.NewWeighted(alone), next: map[int32]int64{}, own: map[int32]map[int64]struct{}{}}
}

// refresh applies the topic up to its present end. Callers that come while another refreshes share the next one.
func (f *follower) refresh(ctx context.Context, apply func([]pipeline.Record)) error {
	me := f.asked.Add(1)
	if err := f.turn.Acquire(ctx, alone); err != nil {
		return err
	}
	defer f.turn.Release(alone)
	if f.covered >= me {
		return nil
	}
	covers := f.asked.Load()
	if err := f.catchUp(ctx, apply); err != nil {
		return fmt.Errorf("read %s: %w", f.Topic, err)
	}
	f.covered = covers
	return nil
}

// catchUp reads what is missing. Once restored, it is applied in one go: read by halves, records written here would
// come back behind later ones for a moment.
func (f *follower) catchUp(ctx context.Context, apply func([]pipeline.Record)) error {
	ends, err := f.Ends(ctx)
	if err != nil {
		return err
	}
	from, to := f.missing(ends)
	if len(to) > 0 {
		err = f.read(ctx, from, to, apply)
	}
	f.restored = f.restored || err == nil
	return err
}

// restoreBatch is how many records are applied together while restoring.
const restoreBatch = 4096

func (f *follower) read(ctx context.Context, from, to map[int32]int64, apply func([]pipeline.Record)) error {
	var batch []pipeline.Record
	done := func() {
		apply(batch)
		for i := range batch {
			f.moveTo(batch[i].Partition, batch[i].Offset+1)
		}
		clear(batch)
		batch = batch[:0]
	}
	err := f.Read(ctx, from, to, func(r *pipeline.Record) error {
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
// A nil apply leaves that to the next refresh.
func (f *follower) write(ctx context.Context, records []pipeline.Record, apply func([]pipeline.Record)) error {
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
	if apply == nil {
		return failed
	}
	apply(written)
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
