package daemon

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// lanes are the two progresses of one sync's replay: of its rows, and of those that were replayed too often already.
type lanes struct {
	sync          *Sync
	group         string // of a replay without filters; those of others go on after its name
	plain, insist *lane
	order         sync.Mutex // held by the one chunk of an audience that is on its way
}

// lane is progress through the rejected topic: per partition, the offset before which every letter of the lane that the
// filter chooses is done with.
type lane struct {
	group   string
	note    deadletter.Note
	single  bool // the filter cannot be noted: letters are, one by one
	done    map[int32]int64
	others  []covered // what replays with other filters have done
	planned map[int32][]int64

	mu    sync.Mutex
	open  map[int32][]int64 // letters on their way, in order
	ended map[int32][]int64 // where letters are noted one by one: those that are done with
}

// from is the first offset that is not done with.
func (l *lane) from(partition int32) int64 { return l.done[partition] }

// begin notes a letter on its way. A partition's letters begin in their order.
func (l *lane) begin(partition int32, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[partition] = append(l.open[partition], offset)
}

// end notes that a letter is done with.
func (l *lane) end(partition int32, offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := slices.BinarySearch(l.open[partition], offset); ok {
		l.open[partition] = slices.Delete(l.open[partition], i, i+1)
	}
	if l.single {
		l.ended[partition] = append(l.ended[partition], offset)
	}
}

// progress are the offsets to be kept: up to the first letter that is not done with, else up to what was read.
func (l *lane) progress(topic string, read map[int32]int64) kafka.Offsets {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := kafka.Offsets{}
	for id, at := range read {
		if open := l.open[id]; len(open) > 0 {
			at = min(at, open[0])
		}
		if at > l.done[id] {
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

func newSeen() *seen { return &seen{at: map[int32]int64{}} }

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

// save keeps the progress of every lane. The forced lanes move only in a forced replay: one without Force passes their
// letters over, and has not done anything about them.
func (r *Replay) save(ctx context.Context) error {
	r.saving.Lock()
	defer r.saving.Unlock()
	read := r.seen.offsets()
	topic := r.Config.DeadLetter.RejectedTopic
	for _, l := range r.lanes {
		for _, lane := range []*lane{l.plain, l.insist} {
			if lane == l.insist && !r.o.Force {
				continue
			}
			if marks := lane.marks(topic, read); len(marks) > 0 {
				if err := r.admin.SetMarks(ctx, lane.group, topic, marks); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
