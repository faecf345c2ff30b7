package owners

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

// wishLog is a claims partition in which rows come to want one digest and give it up.
type wishLog struct {
	log    []pipeline.Record
	digest []byte
	next   int64 // version
	wants  []int64
}

func (l *wishLog) write(version int64, value []byte) {
	at := int64(len(l.log))
	l.log = append(l.log, pipeline.Record{Offset: at, Key: appendClaimKey(nil, l.digest, 0, version), Value: value, Timestamp: time.Unix(1000+at, 0)})
}

func (l *wishLog) says(version int64, what says) {
	c := claim{says: what, sync: TagOf("vip"), source: Source{Topic: []byte("people"), Offset: version}}
	l.write(version, c.append(nil))
}

// step has a row want the digest, or give it up.
func (l *wishLog) step(r *rand.Rand) {
	if len(l.wants) == 0 || r.IntN(2) == 0 {
		l.says(l.next, []says{present, told}[r.IntN(2)])
		l.wants = append(l.wants, l.next)
		l.next++
		return
	}
	i := r.IntN(len(l.wants))
	l.says(l.wants[i], absent)
	l.wants = slices.Delete(l.wants, i, i+1)
}

// known is what a reader of some records knows; committed is the partition's commit.
func known(t *testing.T, hash []byte, log []pipeline.Record, committed int64) *Wish {
	t.Helper()
	w := NewWanted([][]byte{hash})
	for i := range log {
		if err := w.Take(&log[i], committed); err != nil {
			t.Fatal(err)
		}
	}
	if list := w.Wishes(); len(list) == 1 {
		return list[0]
	}
	return &Wish{}
}

func (f *Wish) versions() (list []int64) {
	for _, by := range f.By {
		list = append(list, by.Offset)
	}
	slices.Sort(list)
	return list
}

func TestWhoWantsADigestIsWhatTheRowsSaidWhateverCompactionLeaves(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		hash := make([]byte, 32)
		for i := range hash {
			hash[i] = byte(r.IntN(256))
		}
		l := &wishLog{digest: AddBytes(nil, member.Kind(0), nil, hash)}
		var in []bool // whether a row wanted it, after each record
		for range r.IntN(30) {
			l.step(r)
			in = append(in, len(l.wants) > 0)
		}
		committed := int64(r.IntN(len(l.log) + 1))
		for _, rec := range l.log[:committed] { // the owner writes the tombstones of what has settled
			if c, err := readClaim(rec.Value); err == nil && c.says == absent && r.IntN(2) == 0 {
				_, v, _ := readClaimKey(rec.Key)
				l.write(int64(v&(1<<offsetBits-1))-1, nil)
			}
		}
		last := map[string]int{}
		for i, rec := range l.log {
			last[string(rec.Key)] = i
		}
		var compacted []pipeline.Record
		for i, rec := range l.log {
			if last[string(rec.Key)] == i || r.IntN(2) == 0 && last[string(rec.Key)] > int(committed) {
				compacted = append(compacted, rec)
			}
		}
		wantIn := committed > 0 && in[committed-1]
		slices.Sort(l.wants)
		for what, log := range map[string][]pipeline.Record{"whole": l.log, "compacted": compacted} {
			f := known(t, hash, log, committed)
			if what == "whole" && f.In != wantIn || !slices.Equal(f.versions(), l.wants) {
				t.Errorf("seed %d, %s: in %v, wanted by %v; want %v and %v", seed, what, f.In, f.versions(), wantIn, l.wants)
			}
			if settled := committed >= int64(len(in)); settled && (f.In != (len(l.wants) > 0) || f.Open) {
				t.Errorf("seed %d, %s: all has settled, but in %v, open %v with %d that want it", seed, what, f.In, f.Open, len(l.wants))
			}
		}
	}
}

func TestWhatIsToldOfADigestSaysSinceWhen(t *testing.T) {
	hash := make([]byte, 32)
	hash[0] = 7
	l := &wishLog{digest: AddBytes(nil, member.Kind(0), []byte("vip"), hash)}
	l.says(1, present) // at 1000
	l.says(2, present)
	l.says(1, absent)
	f := known(t, hash, l.log, 3)
	if !f.In || f.Open || f.Since.Unix() != 1000 || f.Audience != "vip" || fmt.Sprint(f.versions()) != "[2]" {
		t.Errorf("got %+v, want in vip since 1000, by the second row", f)
	}
	l.says(2, absent) // at 1003
	if f := known(t, hash, l.log, 3); !f.In || !f.Open || len(f.By) > 0 || f.Left.Unix() != 1003 {
		t.Errorf("got %+v, want that it leaves, since 1003", f)
	}
	if f := known(t, hash, l.log, 4); f.In || f.Open || f.Left.Unix() != 1003 {
		t.Errorf("got %+v, want that it left at 1003", f)
	}
	l.write(2, nil)
	if f := known(t, hash, l.log[4:], 5); f.In || f.Left.Unix() != 1004 {
		t.Errorf("got %+v of the tombstone alone, want that it left", f)
	}
	other := make([]byte, 32)
	if f := known(t, other, l.log, 5); len(f.By) > 0 || f.In {
		t.Errorf("got %+v of a hash that is nowhere", f)
	}
}
