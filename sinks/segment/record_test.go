package segment

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

func randomSet(rng *rand.Rand) (set []byte) {
	for range rng.IntN(4) {
		kind := member.Kind(rng.IntN(member.Kinds))
		claim := append([]byte{byte(kind + 1), 0}, make([]byte, kind.Size())...)
		claim[2] = byte(rng.IntN(256))
		set = union(set, claim)
	}
	return set
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 4))
	for range 1000 {
		want := record{pending: rng.IntN(2) == 0, letters: rng.IntN(2) == 0, generation: rng.Uint64() >> 1, partition: rng.Int32(),
			offset: rng.Int64(), time: rng.Int64N(1<<41) - 1000, wants: randomSet(rng), leaves: randomSet(rng)}
		got, ok := readRecord(want.appendTo(nil))
		same := ok && got.pending == want.pending && got.letters == want.letters && got.generation == want.generation &&
			got.partition == want.partition && got.offset == want.offset && got.time == want.time &&
			bytes.Equal(got.wants, want.wants) && bytes.Equal(got.leaves, want.leaves)
		if !same {
			t.Fatalf("seed %d: a record came back different", seed)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add((&record{pending: true, generation: 3, offset: 7, wants: randomSet(rand.New(rand.NewPCG(1, 1)))}).appendTo(nil))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{2, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		EachClaim(value, func(claim []byte) {
			if len(digestOf(claim)) != kindOf(claim).Size() {
				t.Errorf("a claim of %d bytes", len(claim))
			}
		})
		Forgettable(value, time.Unix(0, 0))
	})
}

func TestARecordIsOvertakenOnlyByALaterRowOfItsOwnTopicsLife(t *testing.T) {
	m := record{generation: 1, partition: 2, offset: 10, time: 1000}
	row := func(partition int32, offset, ms int64) *pipeline.Record {
		return &pipeline.Record{Partition: partition, Offset: offset, Timestamp: time.UnixMilli(ms)}
	}
	for _, c := range []struct {
		name       string
		row        *pipeline.Record
		generation uint64
		want       bool
	}{
		{"an older row", row(2, 9, 900), 1, true},
		{"the same row", row(2, 10, 1000), 1, false},
		{"a newer row", row(2, 11, 1100), 1, false},
		{"an older row after a resync", row(2, 9, 900), 2, false},
		{"a lower offset in a topic created again", row(2, 0, 2000), 1, false},
		{"another partition", row(1, 9, 900), 1, false},
	} {
		if got := m.overtakes(c.row, c.generation); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTheMembersTopicHoldsNoKeyInClear(t *testing.T) {
	r := pipeline.Record{Topic: "shop.customers", Key: []byte("ann@x.org")}
	k := keyOf(r.Topic, nil, r.Key)
	if bytes.Contains(k[:], r.Key) {
		t.Error("the key is in it")
	}
	r.Topic = "shop.partners"
	if keyOf(r.Topic, nil, r.Key) == k {
		t.Error("rows of two topics are one member")
	}
}
