package outcomes

import (
	"math/rand/v2"
	"testing"
	"time"
)

// What the states have to say is known here from the histories that the test makes: a list of letters for each row, and whether a
// replay repaired it since.
func TestALetterIsOpenUntilItsRowIsRepairedAndARowThatFailedAgainCountsOnce(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	m := &topic{}
	type history struct {
		letters  []Letter
		repaired bool
	}
	rows := map[Row]*history{}
	var ids []Row
	for i := range 60 {
		id := Row{Sync: []string{"a", "b"}[i%2], Topic: "t", Partition: int32(i % 3), Offset: int64(i / 6)}
		ids, rows[id] = append(ids, id), &history{}
	}
	next := int64(0)
	for range 600 {
		id := ids[r.IntN(len(ids))]
		h, o := rows[id], &Outcome{Sync: id.Sync, Topic: id.Topic, Partition: id.Partition, Offset: id.Offset}
		if h.repaired {
			continue
		}
		switch {
		case len(h.letters) == 0 || r.IntN(3) > 0: // the source is read again, or a replay fails
			o.End, o.Letter = Rejected, Letter{Partition: id.Partition, Offset: next, Known: true}
			h.letters = append(h.letters, o.Letter)
			next++
		default:
			o.End, o.Replay = []End{Delivered, Skipped, Asserted}[r.IntN(3)], "r1"
			h.repaired = true
		}
		m.add(LettersPartition, time.Now(), o)
	}
	m.add(3, time.Now(), &Outcome{Sync: "a", Topic: "t", End: Delivered}) // of a row that is not a letter
	s, err := ReadStates(t.Context(), m.source(), time.Time{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for id, h := range rows {
		for i, letter := range h.letters {
			want := Again
			switch {
			case h.repaired:
				want = Repaired
			case i == len(h.letters)-1:
				want = Open
			}
			if got := s.Of(id, letter, time.Time{}); got != want {
				t.Errorf("seed %d: %v, letter %d of %d: got %s, want %s", seed, id, i, len(h.letters), got, want)
			}
		}
	}
}

func TestTheStateOfALetterWhoseOutcomeIsNotKeptIsNotKnown(t *testing.T) {
	m := &topic{}
	m.add(LettersPartition, time.Now(), &Outcome{Sync: "a", Topic: "t", Offset: 7, Changed: 5, Settled: 1000, End: Failed, Letter: Letter{Offset: 3, Known: true}})
	m.add(LettersPartition, time.Now(), &Outcome{Sync: "a", Topic: "t", Offset: 9, Changed: 5, End: Delivered, Replay: "r", Settled: 1000})
	m.add(LettersPartition, time.Now(), &Outcome{Sync: "a", Topic: "t", Offset: 10, Changed: 5, End: Skipped, Reason: "row_gone", Replay: "r", Settled: 1000})
	before := time.UnixMilli(900)
	s, err := ReadStates(t.Context(), m.source(), time.Time{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		sync    string
		offset  int64
		letter  int64
		time    int64
		written time.Time
		want    State
	}{
		{"its own", "a", 7, 3, 5, before, Open},
		{"another row", "a", 8, 4, 5, before, Unknown},
		{"another sync", "b", 7, 3, 5, before, Unknown},
		{"a row of another topic of the name", "a", 7, 3, 6, before, Unknown},
		{"a letter that was written just now", "a", 7, 1, 5, time.Now(), Open},
		{"a letter that was written twice", "a", 7, 2, 5, before, Again},
		{"one whose second try was late", "a", 7, 4, 5, before, Open},
		{"one of a row that is repaired", "a", 9, 3, 5, before, Repaired},
		{"one whose row is gone", "a", 10, 3, 5, before, Gone},
		{"one that came after the repair", "a", 9, 4, 5, time.Now(), Open},
	} {
		if got := s.Of(Row{Sync: c.sync, Topic: "t", Offset: c.offset, Time: c.time}, Letter{Offset: c.letter}, c.written); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestTheHistoryOfARowIsItsOutcomesInTheirOrder(t *testing.T) {
	m := &topic{}
	for i, end := range []End{Rejected, Rejected, Delivered} {
		m.add(LettersPartition, time.Now(), &Outcome{Sync: "a", Topic: "t", Offset: 7, End: end, Replay: []string{"", "r1", "r2"}[i]})
		m.add(LettersPartition, time.Now(), &Outcome{Sync: "a", Topic: "t", Offset: 8, End: Rejected})
	}
	id := Row{Sync: "a", Topic: "t", Offset: 7}
	rows := map[Row][]*Outcome{id: nil}
	if err := History(t.Context(), m.source(), time.Time{}, rows); err != nil {
		t.Fatal(err)
	}
	if got := rows[id]; len(got) != 3 || got[0].Replay != "" || got[1].Replay != "r1" || got[2].End != Delivered || len(rows) != 1 {
		t.Errorf("got %+v", rows)
	}
}
