package owners

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/tokrelay/tokrelay/sinks/audience/member"
)

var members = flag.Int("members", 300_000, "members of the memory test")

// TestAMemberOfOneDigestTakes120Bytes, and 75 more for each further one: over all owners together.
func TestAMemberOfOneDigestTakes120Bytes(t *testing.T) {
	one, two := perMember(t, 1), perMember(t, 2)
	t.Logf("%.0f B a member of one digest, %.0f B of two", one, two)
	if one > 120 || two > one+75 {
		t.Errorf("a member of one digest takes %.0f B, want at most 120; of two %.0f B, want at most 75 more", one, two)
	}
}

// perMember is the heap of a third of 12 partitions, for each member in it.
func perMember(t *testing.T, digests int) float64 {
	t.Helper()
	const parts = 4
	var rows [parts]rowTable
	var claims [parts]claimTable
	before := heap()
	r := rand.New(rand.NewPCG(3, 4))
	var buf, set []byte
	var hash [32]byte
	for i := range *members {
		id := randomIdentity(r)
		set = set[:0]
		for k := range digests {
			for j := 0; j < len(hash); j += 8 {
				binary.LittleEndian.PutUint64(hash[j:], r.Uint64())
			}
			set = AddBytes(set, member.Kind(k), nil, hash[:])
			claims[r.IntN(parts)].add(nameOf(set[len(set)-35:]), versionOf(int32(i%parts), int64(i)))
		}
		m := row{sync: Tag{1}, member: true, at: 1<<30 + int64(i), digests: set}
		buf = m.append(buf[:0])
		rows[i%parts].set(&id, buf)
	}
	after := heap()
	counted := int64(0)
	for p := range parts {
		counted += rows[p].bytes() + claims[p].bytes()
	}
	if got := float64(counted); got < 0.9*float64(after-before) || got > 1.1*float64(after-before) {
		t.Errorf("the tables say they take %d B, and the heap has grown by %d B", counted, after-before)
	}
	runtime.KeepAlive(rows)
	runtime.KeepAlive(claims)
	return float64(after-before) / float64(*members)
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// bytes is about what the table takes.
func (t *claimTable) bytes() int64 {
	n := int64(len(t.slots)) * 24
	for _, l := range t.shared {
		n += 24 + 8*int64(cap(l))
	}
	return n
}
