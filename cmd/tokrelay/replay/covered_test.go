package replay

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// shelf is a rejected topic and the marks that replays have left, and who was replayed how often.
type shelf struct {
	random   *rand.Rand
	letters  []letter
	marks    map[string]map[int32]admin.Mark
	replayed map[int]int
}

type letter struct {
	record pipeline.Record
	head   deadletter.Head
}

var shelfStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func (s *shelf) add(n int) {
	for range n {
		i := len(s.letters)
		s.letters = append(s.letters, letter{
			record: pipeline.Record{Topic: "rejected", Partition: int32(i % 3), Offset: int64(i / 3), Key: []byte{byte(s.random.IntN(5))},
				Timestamp: shelfStart.Add(time.Duration(i) * time.Minute)},
			head: deadletter.Head{Reason: []byte{'a' + byte(s.random.IntN(3))}, Field: []byte{'x' + byte(s.random.IntN(2))}},
		})
	}
}

// filter is a random one: none, by what a note can tell, or by key.
func (s *shelf) filter() deadletter.Filter {
	var f deadletter.Filter
	switch s.random.IntN(5) {
	case 0:
	case 1:
		f.Since = shelfStart.Add(time.Duration(s.random.IntN(len(s.letters))) * time.Minute)
	case 2:
		f.Reasons = []string{string(rune('a' + s.random.IntN(3)))}
	case 3:
		f.Fields, f.Reasons = []string{string(rune('x' + s.random.IntN(2)))}, []string{"c", "a"}
	case 4:
		key := byte(s.random.IntN(5))
		f.Key = func(r *pipeline.Record) bool { return r.Key[0] == key }
	}
	return f
}

// progressOf is a replay's progress, as NewReplay and find make it.
func (s *shelf) progressOf(f *deadletter.Filter) *progress {
	note, tells := deadletter.NoteOf(f)
	l := &progress{group: "g", note: note, single: !tells}
	if !tells {
		l.group += singleGroup
	} else if text := note.Text(); text != "" {
		sum := sha256.Sum256([]byte(text))
		l.group += "." + hex.EncodeToString(sum[:6])
	}
	l.reset()
	for group, marks := range s.marks {
		l.know(group, "g", marks)
	}
	return l
}

// replay sends the letters the filter chooses, at most limit, and leaves some unsettled when it is interrupted.
func (s *shelf) replay(f deadletter.Filter, limit int, interrupted bool) (sent int) {
	l := s.progressOf(&f)
	read := map[int32]int64{}
	for i := range s.letters {
		one := &s.letters[i]
		if sent == limit {
			break
		}
		if f.Match(&one.record, &one.head) && !l.has(&one.record, &one.head) {
			sent++
			l.begin(one.record.Partition, one.record.Offset)
			if !interrupted || s.random.IntN(3) > 0 {
				s.replayed[i]++
				l.end(one.record.Partition, one.record.Offset)
			}
		}
		read[one.record.Partition] = one.record.Offset + 1
	}
	if marks := l.marks("rejected", read); len(marks) > 0 {
		if s.marks[l.group] == nil {
			s.marks[l.group] = map[int32]admin.Mark{}
		}
		maps.Copy(s.marks[l.group], marks)
	}
	return sent
}

// Whatever the filters, limits and the letters that come meanwhile: uninterrupted replays send no letter twice, and one
// without filters leaves none out.
func TestNoReplayRepeatsOrHidesWhatAnotherOneDid(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 300 {
		s := &shelf{random: rand.New(rand.NewPCG(seed, uint64(round))), marks: map[string]map[int32]admin.Mark{}, replayed: map[int]int{}}
		s.add(30)
		for range 6 {
			limit := 1 << 30
			if s.random.IntN(2) == 0 {
				limit = s.random.IntN(12)
			}
			s.replay(s.filter(), limit, false)
			s.add(s.random.IntN(10))
		}
		s.replay(deadletter.Filter{}, 1<<30, false)
		for i := range s.letters {
			if s.replayed[i] != 1 {
				t.Fatalf("round %d: letter %d was replayed %d times, want once", round, i, s.replayed[i])
			}
		}
	}
}

// An interrupted replay may send again what had not settled before its mark, and nothing else is lost.
func TestInterruptedReplaysLoseNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for round := range 300 {
		s := &shelf{random: rand.New(rand.NewPCG(seed, uint64(round))), marks: map[string]map[int32]admin.Mark{}, replayed: map[int]int{}}
		s.add(60)
		for range 6 {
			s.replay(s.filter(), 1<<30, true)
		}
		s.replay(deadletter.Filter{}, 1<<30, false)
		if sent := s.replay(deadletter.Filter{}, 1<<30, false); sent > 0 {
			t.Fatalf("round %d: %d letters were still to be sent after all had settled", round, sent)
		}
		for i := range s.letters {
			if s.replayed[i] == 0 {
				t.Fatalf("round %d: letter %d was never replayed", round, i)
			}
		}
	}
}

func TestMarksHoldNoKeyAndStaySmall(t *testing.T) {
	f := deadletter.Filter{Key: func(*pipeline.Record) bool { return true }}
	note, tells := deadletter.NoteOf(&f)
	if tells || note.Text() != "" {
		t.Errorf("a filter by key is noted as %q", note.Text())
	}
	l := &progress{group: "g.one-by-one", single: true}
	l.reset()
	l.planned[0] = []int64{7, 1 << 40}
	if err := l.fits(); err != nil {
		t.Errorf("two letters do not fit: %v", err)
	}
	for i := range int64(2000) {
		l.planned[0] = append(l.planned[0], i*1000)
	}
	if err := l.fits(); err == nil || !strings.Contains(err.Error(), "--since") {
		t.Errorf("2000 letters one by one: got %v, want an error that names the other way", err)
	}
	l.done[0] = 1 << 41 // a replay without filters has passed them
	if err := l.fits(); err != nil {
		t.Errorf("letters that need no note: %v", err)
	}
}

func TestLettersAreNotedOneByOne(t *testing.T) {
	var n deadletter.Note
	want := []int64{0, 3, 4, 900, 1 << 50}
	n.SetSingle(want)
	read, err := deadletter.ParseNote(n.Text())
	if got := read.Singles(); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v and %v, want %v", got, err, want)
	}
}
