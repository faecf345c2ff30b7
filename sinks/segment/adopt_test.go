package segment

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// oldMember is a record as the release before wrote it, byte by byte.
func oldMember(flags byte, wants, leaves []byte) []byte {
	v := []byte{1, flags}
	v = binary.AppendUvarint(v, 3)    // resync
	v = binary.AppendUvarint(v, 2)    // partition
	v = binary.AppendUvarint(v, 4711) // offset
	v = binary.AppendVarint(v, 1_700_000_000_000)
	v = binary.AppendUvarint(v, uint64(len(wants)))
	return append(append(v, wants...), leaves...)
}

func oldDigest(kind, fill byte, audience string) []byte {
	return append(append([]byte{kind + 1, byte(len(audience))}, audience...), bytes.Repeat([]byte{fill}, 32)...)
}

func TestWhatEarlierVersionsRememberedIsAdopted(t *testing.T) {
	key := bytes.Repeat([]byte{9}, 16)
	wants, leaves := append(oldDigest(0, 1, ""), oldDigest(1, 2, "vip")...), oldDigest(0, 3, "")
	for name, c := range map[string]struct {
		flags         byte
		wants, leaves []byte
		want          owners.Assertion
		digests       int
	}{
		"a member":                      {0, wants, nil, owners.Assertion{Member: true}, 2},
		"one whose calls were cut off":  {1, wants, leaves, owners.Assertion{Member: true}, 2},
		"one that is gone, with letter": {2, nil, leaves, owners.Assertion{Rejected: true}, 0},
		"a member without digests":      {4, nil, nil, owners.Assertion{Member: true, Keep: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			id, a, ok := Adopt(&pipeline.Record{Key: key, Value: oldMember(c.flags, c.wants, c.leaves)})
			n, before := 0, 0
			for d, rest := owners.Next(a.Digests); d != nil; d, rest = owners.Next(rest) {
				n++
			}
			for d, rest := owners.Next(a.Before); d != nil; d, rest = owners.Next(rest) {
				before++
			}
			if !ok || !bytes.Equal(id[:], key) || a.Member != c.want.Member || a.Keep != c.want.Keep || a.Rejected != c.want.Rejected || n != c.digests || before != len(c.leaves)/34 {
				t.Errorf("got %v %+v with %d digests and %d of before", ok, a, n, before)
			}
			if a.Source.Offset != 4711 || a.Source.Partition != 2 {
				t.Errorf("got position %d/%d", a.Source.Partition, a.Source.Offset)
			}
		})
	}
}

func TestWhatIsNoMembersRecordIsPassedOver(t *testing.T) {
	good := oldMember(0, oldDigest(0, 1, ""), nil)
	for name, r := range map[string]pipeline.Record{
		"of a later version": {Key: make([]byte, 16), Value: []byte{2, 0}},
		"cut off":            {Key: make([]byte, 16), Value: good[:20]}, "of another key": {Key: []byte("ann@x.org"), Value: good},
	} {
		if _, _, ok := Adopt(&r); ok {
			t.Errorf("%s was adopted", name)
		}
	}
}

func FuzzAdopt(f *testing.F) {
	f.Add(oldMember(0, oldDigest(0, 1, "vip"), oldDigest(1, 2, "")))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, value []byte) {
		_, a, _ := Adopt(&pipeline.Record{Key: make([]byte, 16), Value: value})
		for d, rest := owners.Next(a.Digests); d != nil; d, rest = owners.Next(rest) {
			if kind, _, hash := owners.Parts(d); len(hash) != kind.Size() {
				t.Errorf("a digest of %d bytes", len(hash))
			}
		}
	})
}
