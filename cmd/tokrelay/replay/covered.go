package replay

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
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

// coveredBy reads what one replay has done from its marks.
func coveredBy(marks map[int32]admin.Mark) covered {
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

// Endings of the groups of progress: their names begin with that of a replay without filters.
const (
	forcedGroup = ".forced"
	singleGroup = ".one-by-one"
)

// load reads how far earlier replays came, this one and those with other filters.
func (s *syncReplay) load(ctx context.Context, client *admin.Client, topic string) error {
	marks, err := client.Marks(ctx, topic, s.group)
	if err != nil {
		return err
	}
	s.plain.reset()
	s.forced.reset()
	for group, of := range marks {
		p := s.plain
		if strings.HasSuffix(group, forcedGroup) {
			p = s.forced
		}
		p.know(group, s.group, of)
	}
	return nil
}

func (p *progress) reset() {
	p.done, p.open, p.others = map[int32]int64{}, map[int32][]int64{}, nil
	p.ended, p.planned = map[int32][]int64{}, map[int32][]int64{}
}

// know learns what a replay has done. Offsets alone count for one without filters, and for this one itself.
func (p *progress) know(group, base string, marks map[int32]admin.Mark) {
	c := coveredBy(marks)
	switch group {
	case p.group:
		if p.single {
			p.ended = c.single
			p.others = append(p.others, covered{single: c.single})
			return
		}
	case base, base + forcedGroup:
	default:
		p.others = append(p.others, c)
		return
	}
	for id, at := range c.upTo {
		p.done[id] = max(p.done[id], at)
	}
}

// has reports whether a replay has done the letter.
func (p *progress) has(r *pipeline.Record, h *deadletter.Head) bool {
	return r.Offset < p.done[r.Partition] || slices.ContainsFunc(p.others, func(c covered) bool { return c.has(r, h) })
}

// plan notes a letter to be replayed one by one.
func (p *progress) plan(r *pipeline.Record) {
	if p.single {
		p.planned[r.Partition] = append(p.planned[r.Partition], r.Offset)
	}
}

// marks are what is to be kept of the progress, which begins at the starts of partitions.
func (p *progress) marks(topic string, read map[int32]int64) map[int32]admin.Mark {
	marks := map[int32]admin.Mark{}
	if !p.single {
		for id, at := range p.offsets(topic, read)[topic] {
			marks[id] = admin.Mark{At: at, Note: p.note.Text()}
		}
		return marks
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, offsets := range p.ended {
		marks[id] = admin.Mark{Note: singles(offsets, p.done[id])}
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
func (p *progress) fits() error {
	if len(p.note.Text()) > deadletter.MostNote {
		return fmt.Errorf("these filters are too many to keep the progress of: name fewer")
	}
	for id, offsets := range p.planned {
		if len(singles(slices.Concat(offsets, p.ended[id]), p.done[id])) > deadletter.MostNote {
			return fmt.Errorf("these are too many letters to keep the progress of one by one: choose them by --sync, --reason or --since instead of --key")
		}
	}
	return nil
}
