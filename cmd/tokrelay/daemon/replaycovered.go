package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// covered is what a replay with other filters has done: the letters its filter chooses up to an offset of each
// partition, or letters one by one.
type covered struct {
	filter *deadletter.Filter
	upTo   map[int32]int64
	single map[int32][]int64 // sorted
}

func (c *covered) has(r *pipeline.Record, h *deadletter.Head) bool {
	if _, ok := slices.BinarySearch(c.single[r.Partition], r.Offset); ok {
		return true
	}
	return r.Offset < c.upTo[r.Partition] && c.filter.Match(r, h)
}

// coveredBy reads what the marks of one replay tell.
func coveredBy(marks map[int32]kafka.Mark) covered {
	c := covered{upTo: map[int32]int64{}, single: map[int32][]int64{}}
	for id, m := range marks {
		note, err := deadletter.ParseNote(m.Note)
		switch {
		case err != nil: // of a newer version: its letters cannot be told
		case note.Single != "":
			c.single[id] = note.Singles()
		default:
			c.filter = note.Filter()
			c.upTo[id] = m.At
		}
	}
	return c
}

// Groups of progress beside that of a replay without filters, whose name they go on after.
const (
	forcedGroup = ".forced"
	singleGroup = ".one-by-one"
)

// load reads how far earlier replays came, this one and those with other filters.
func (l *lanes) load(ctx context.Context, admin *kafka.Admin, topic string) error {
	marks, err := admin.Marks(ctx, topic, l.group)
	if err != nil {
		return err
	}
	l.plain.reset()
	l.insist.reset()
	for group, of := range marks {
		lane := l.plain
		if strings.HasSuffix(group, forcedGroup) {
			lane = l.insist
		}
		lane.know(group, l.group, of)
	}
	return nil
}

func (l *lane) reset() {
	l.done, l.open, l.others = map[int32]int64{}, map[int32][]int64{}, nil
	l.ended, l.planned = map[int32][]int64{}, map[int32][]int64{}
}

// know takes in what a replay has done. One without filters, and this one itself, tell it by offsets alone.
func (l *lane) know(group, base string, marks map[int32]kafka.Mark) {
	c := coveredBy(marks)
	switch group {
	case l.group:
		if l.single {
			l.ended = c.single
			l.others = append(l.others, covered{single: c.single})
			return
		}
	case base, base + forcedGroup:
	default:
		l.others = append(l.others, c)
		return
	}
	for id, at := range c.upTo {
		l.done[id] = max(l.done[id], at)
	}
}

// has tells whether a replay has done the letter.
func (l *lane) has(r *pipeline.Record, h *deadletter.Head) bool {
	return r.Offset < l.done[r.Partition] || slices.ContainsFunc(l.others, func(c covered) bool { return c.has(r, h) })
}

// plan notes a letter to be replayed one by one.
func (l *lane) plan(r *pipeline.Record) {
	if l.single {
		l.planned[r.Partition] = append(l.planned[r.Partition], r.Offset)
	}
}

// marks are what is to be kept of the progress, which begins at the starts of partitions.
func (l *lane) marks(topic string, read map[int32]int64) map[int32]kafka.Mark {
	marks := map[int32]kafka.Mark{}
	if !l.single {
		for id, at := range l.progress(topic, read)[topic] {
			marks[id] = kafka.Mark{At: at, Note: l.note.Text()}
		}
		return marks
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, offsets := range l.ended {
		marks[id] = kafka.Mark{Note: singles(offsets, l.done[id])}
	}
	return marks
}

// singles is the note of letters one by one. Those that replays without filters have passed need none.
func singles(offsets []int64, passed int64) string {
	offsets = slices.DeleteFunc(slices.Clone(offsets), func(at int64) bool { return at < passed })
	slices.Sort(offsets)
	var n deadletter.Note
	n.SetSingle(slices.Compact(offsets))
	return n.Text()
}

// fits refuses a replay whose progress Kafka would not keep.
func (l *lane) fits() error {
	if len(l.note.Text()) > deadletter.MostNote {
		return fmt.Errorf("these filters are too many to keep the progress of: name fewer")
	}
	for id, offsets := range l.planned {
		if len(singles(slices.Concat(offsets, l.ended[id]), l.done[id])) > deadletter.MostNote {
			return fmt.Errorf("these are too many letters to keep the progress of one by one: choose them by --sync, --reason or --since instead of --key")
		}
	}
	return nil
}
