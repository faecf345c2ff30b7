package outcomes

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// State is what has become of a dead letter.
type State uint8

// States of letters.
const (
	Unknown  State = iota // it is older than the outcomes that are kept, or none are
	Open                  // its row is not in TikTok
	Repaired              // a replay has delivered its row, or has found that there is nothing to deliver
	Gone                  // a replay found its row nowhere
	Again                 // its row has a newer letter, which counts in its place
)

var states = [...]string{"unknown", "open", "repaired", "gone", "failed again"}

func (s State) String() string { return states[s] }

// AllStates lists them.
func AllStates() []State { return []State{Unknown, Open, Repaired, Gone, Again} }

// States know the state of dead letters, from the outcomes of their rows. Their memory is that of rows which had a letter, some 60
// bytes each. They never change.
type States struct {
	seed maphash.Seed
	rows map[uint64]lastEnd
}

// lastEnd is how a row ended last.
type lastEnd struct {
	letter  int64 // offset of its newest letter; -1: none is known
	settled int64
	part    int32 // the letter's partition
	state   State // Open, Repaired or Gone
}

// ReadStates reads the outcomes of rejected rows and of replays since a time; zero: all that are kept. progress may be nil.
func ReadStates(ctx context.Context, src Source, since time.Time, progress func(Progress)) (*States, error) {
	s := &States{seed: maphash.MakeSeed(), rows: map[uint64]lastEnd{}}
	_, err := Scan(ctx, src, Options{Partitions: []int32{LettersPartition}, Since: since, Progress: progress}, func(o *Outcome) error {
		s.take(o)
		return nil
	})
	return s, err
}

func (s *States) take(o *Outcome) {
	id := s.id(o.Row())
	row, known := s.rows[id]
	if !known {
		row.letter = -1
	}
	row.state, row.settled = Repaired, o.Settled
	switch {
	case o.End.IsDead():
		row.state = Open
	case o.Reason == string(pipeline.SkipGone):
		row.state = Gone
	}
	if o.End.IsDead() && o.Letter.Known {
		row.letter, row.part = o.Letter.Offset, o.Letter.Partition
	}
	s.rows[id] = row
}

// id is a hash of a row: among a million rows, two have the same one in one case of thirty million.
func (s *States) id(row Row) uint64 {
	var h maphash.Hash
	h.SetSeed(s.seed)
	h.WriteString(row.Sync)
	h.WriteByte(0)
	h.WriteString(row.Topic)
	var at [21]byte
	binary.LittleEndian.PutUint32(at[1:], uint32(row.Partition))
	binary.LittleEndian.PutUint64(at[5:], uint64(row.Offset))
	binary.LittleEndian.PutUint64(at[13:], uint64(row.Time))
	h.Write(at[:])
	return h.Sum64()
}

// Of is the state of the letter at a place of the rejected topic, of a row, that was written at a time. The outcome of one that is
// newer than what is known of the row is on its way.
func (s *States) Of(row Row, letter Letter, written time.Time) State {
	last, known := s.rows[s.id(row)]
	switch {
	case !known:
		return Unknown
	case written.UnixMilli() > last.settled:
		return Open
	case last.state != Open:
		return last.state
	case last.part == letter.Partition && letter.Offset >= last.letter:
		return Open
	}
	return Again
}

// StateIn is the state of a letter, made of the outcomes of its row alone, in order.
func StateIn(list []*Outcome, letter Letter, written time.Time) State {
	if len(list) == 0 {
		return Unknown
	}
	s := &States{seed: maphash.MakeSeed(), rows: map[uint64]lastEnd{}}
	for _, o := range list {
		s.take(o)
	}
	return s.Of(list[0].Row(), letter, written)
}

// History collects the outcomes of rejected rows and of replays, of the rows that are asked for, in their order. It reads once,
// however many the rows are.
func History(ctx context.Context, src Source, since time.Time, rows map[Row][]*Outcome) error {
	_, err := Scan(ctx, src, Options{Partitions: []int32{LettersPartition}, Since: since}, func(o *Outcome) error {
		id := o.Row()
		if list, wanted := rows[id]; wanted {
			rows[id] = append(list, o.Clone())
		}
		return nil
	})
	return err
}

// Row is a row of a sync. A topic that was deleted and made again has other rows in the same places: their times tell them apart.
type Row struct {
	Sync, Topic string
	Partition   int32
	Offset      int64
	Time        int64 // of its record, as Millis has it
}

// RowOf is the row of a record.
func RowOf(sync string, r *pipeline.Record) Row {
	return Row{Sync: sync, Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: Millis(r.Timestamp)}
}

// Row is the row that the outcome is of.
func (o *Outcome) Row() Row {
	return Row{Sync: o.Sync, Topic: o.Topic, Partition: o.Partition, Offset: o.Offset, Time: o.Changed}
}

// Millis is a time in Unix milliseconds; 0 where it is not known.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
