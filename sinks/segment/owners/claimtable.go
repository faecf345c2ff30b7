package owners

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// claimTable is who wants each digest of a partition: open addressing, 24 bytes a slot, no pointers. A slot has room for one
// claimant; that of a shared digest holds the place of their list.
type claimTable struct {
	slots  []claimSlot
	len    int // digests
	shared [][]version
	unused []uint32 // places in shared
}

type claimSlot struct {
	name digestName
	by   version // 0: free; with isShared: a place in shared
}

// digestName is a digest in the table: of its hash, which others may choose but not aim, 16 bytes with its type and audience mixed in.
type digestName [2]uint64

const isShared version = 1 << 63

func nameOf(digest []byte) (n digestName) {
	kind, audience, hash := Parts(digest)
	mix := (uint64(kind) + 1) * 0x9E3779B97F4A7C15
	for _, c := range audience {
		mix = (mix ^ uint64(c)) * 0x100000001B3
	}
	n[0] = binary.LittleEndian.Uint64(hash) ^ mix
	n[1] = binary.LittleEndian.Uint64(hash[8:]) ^ bits.RotateLeft64(mix, 29)
	return n
}

// home looks at the half that does not choose the partition.
func (t *claimTable) home(n digestName) int {
	hi, _ := bits.Mul64(n[1], uint64(len(t.slots)))
	return int(hi)
}

func (t *claimTable) find(n digestName) (int, bool) {
	i := t.home(n)
	for t.slots[i].by != 0 {
		if t.slots[i].name == n {
			return i, true
		}
		i = t.after(i)
	}
	return i, false
}

func (t *claimTable) after(i int) int {
	if i++; i == len(t.slots) {
		return 0
	}
	return i
}

// isWanted reports whether any row wants the digest.
func (t *claimTable) isWanted(n digestName) bool {
	if t.len == 0 {
		return false
	}
	_, ok := t.find(n)
	return ok
}

// add notes that a version of a row wants the digest.
func (t *claimTable) add(n digestName, by version) {
	if 100*(t.len+1) > 85*len(t.slots) {
		t.grow()
	}
	i, ok := t.find(n)
	s := &t.slots[i]
	switch {
	case !ok:
		*s = claimSlot{n, by}
		t.len++
	case s.by == by:
	case s.by&isShared == 0:
		s.by = isShared | version(t.share(s.by, by))
	default:
		if l := &t.shared[uint32(s.by)]; !slices.Contains(*l, by) {
			*l = append(*l, by)
		}
	}
}

// share makes a list of claimants and returns its place.
func (t *claimTable) share(by ...version) (at uint32) {
	if n := len(t.unused); n > 0 {
		at, t.unused = t.unused[n-1], t.unused[:n-1]
	} else {
		at = uint32(len(t.shared))
		t.shared = append(t.shared, nil)
	}
	t.shared[at] = slices.Clone(by)
	return at
}

// remove notes that a version of a row does not want the digest any more, and reports whether it did.
func (t *claimTable) remove(n digestName, by version) bool {
	if t.len == 0 {
		return false
	}
	i, ok := t.find(n)
	if !ok {
		return false
	}
	s := &t.slots[i]
	if s.by&isShared == 0 {
		if ok = s.by == by; ok {
			t.clear(i)
		}
		return ok
	}
	at := uint32(s.by)
	l := &t.shared[at]
	k := slices.Index(*l, by)
	if k < 0 {
		return false
	}
	(*l)[k] = (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	if len(*l) == 1 {
		s.by = (*l)[0]
		*l = nil
		t.unused = append(t.unused, at)
	}
	return true
}

// clear frees a slot, and moves what was put behind it for want of room.
func (t *claimTable) clear(i int) {
	n := len(t.slots)
	for j := t.after(i); t.slots[j].by != 0; j = t.after(j) {
		if home := t.home(t.slots[j].name); (j-home+n)%n >= (j-i+n)%n {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = claimSlot{}
	t.len--
}

// grow makes a quarter more slots: what a table takes is then never far from what it holds.
func (t *claimTable) grow() {
	old := t.slots
	t.slots = make([]claimSlot, max(64, len(old)*5/4))
	for _, s := range old {
		if s.by != 0 {
			i, _ := t.find(s.name)
			t.slots[i] = s
		}
	}
}
