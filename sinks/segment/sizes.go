package segment

import (
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// Sizes are how many people a Table tells of, and their identifiers by type. Those that two rows share are counted twice.
type Sizes struct {
	People      int64
	Identifiers [member.Kinds]int64
}

// Sizes counts the table's members.
func (t *Table) Sizes() (s Sizes) {
	t.book.Each(owners.TagOf(t.sync), func(_ owners.Identity, k owners.Known) {
		if len(k.Digests) > 0 {
			s.People++
		}
		for d, rest := owners.Next(k.Digests); d != nil; d, rest = owners.Next(rest) {
			kind, _, _ := owners.Parts(d)
			s.Identifiers[kind]++
		}
	})
	return s
}

// Move is how a person is in one Table and was not in another.
type Move int

// The ways.
const (
	Enters  Move = iota // was no member
	Leaves              // is no member
	Changes             // has other identifiers
)

// Since calls each for every person of whom the table tells otherwise than the older one, which read the same rows. The position is that
// of the person's last row.
func (t *Table) Since(older *Table, each func(Move, pipeline.Position)) {
	for id, at := range t.last {
		now, _ := t.book.Get(id)
		was, _ := older.book.Get(id)
		if owners.SameSet(now.Digests, was.Digests) {
			continue
		}
		move := Changes
		if len(was.Digests) == 0 {
			move = Enters
		} else if len(now.Digests) == 0 {
			move = Leaves
		}
		each(move, pipeline.Position{Topic: at.topic, Partition: at.partition, Offset: at.offset})
	}
}
