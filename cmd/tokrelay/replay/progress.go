package replay

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// syncReplay is the replay of one sync's letters. Those that were replayed too often already are counted apart.
type syncReplay struct {
	sync          *daemon.Sync
	group         string // of a replay without filters; those of others go on after its name
	plain, forced *progress
	order         sync.Mutex // held by the one chunk of an audience that is under way
}

// progress is the progress that counts a letter which was replayed so often before.
func (s *syncReplay) progress(replays int) *progress {
	if replays >= MostReplays {
		return s.forced
	}
	return s.plain
}

// progress through the rejected topic is, per partition, the offset before which every letter that it counts and the
// filter chooses is done with.
type progress struct {
	group   string
	note    deadletter.Note
	single  bool            // the filter cannot be noted: letters are, one by one
	done    map[int32]int64 // the first offset that is not done with
	others  []covered       // what replays with other filters have done
	planned map[int32][]int64

	mu    sync.Mutex
	open  map[int32][]int64 // letters under way, in order
	ended map[int32][]int64 // where letters are noted one by one: those that are done with
}

// begin notes a letter under way. A partition's letters begin in their order.
func (p *progress) begin(partition int32, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[partition] = append(p.open[partition], offset)
}

// end notes that a letter is done with.
func (p *progress) end(partition int32, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i, ok := slices.BinarySearch(p.open[partition], offset); ok {
		p.open[partition] = slices.Delete(p.open[partition], i, i+1)
	}
	if p.single {
		p.ended[partition] = append(p.ended[partition], offset)
	}
}

// offsets are those to be kept: up to the first letter that is not done with, else up to what was read.
func (p *progress) offsets(topic string, read map[int32]int64) admin.Offsets {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := admin.Offsets{}
	for id, at := range read {
		if open := p.open[id]; len(open) > 0 {
			at = min(at, open[0])
		}
		if at > p.done[id] {
			o.Set(topic, id, at)
		}
	}
	return o
}

// seen is how far the rejected topic has been read.
type seen struct {
	mu sync.Mutex
	at map[int32]int64
}

// read notes that the record at the offset has been looked at, and its letter begun if it is one.
func (s *seen) read(partition int32, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[partition] = offset + 1
}

// offsets is a copy.
func (s *seen) offsets() map[int32]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.at)
}

// save keeps the progress of every sync. The forced one moves only in a forced replay: one without Force leaves those
// letters out, and has not done anything about them.
func (r *Replay) save(ctx context.Context) error {
	r.saving.Lock()
	defer r.saving.Unlock()
	read, topic := r.seen.offsets(), r.wiring.Config.DeadLetter.RejectedTopic
	for _, of := range r.syncs {
		for _, p := range []*progress{of.plain, of.forced} {
			if p == of.forced && !r.options.Force {
				continue
			}
			if marks := p.marks(topic, read); len(marks) > 0 {
				if err := r.wiring.Admin.SetMarks(ctx, p.group, topic, marks); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
