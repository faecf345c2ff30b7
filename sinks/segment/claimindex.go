package segment

import (
	"bytes"
	"hash/maphash"
)

var seed = maphash.MakeSeed()

func hashOf(b []byte) uint64 { return maphash.Bytes(seed, b) }

// claimIndex finds the newest operation on a claim: open addressing over a chunk's few thousand claims, without keys of
// its own. A slot holds an operation's place in the list plus one; 0 is a free slot.
type claimIndex struct {
	slots []int32
	used  int
}

func (x *claimIndex) reset() {
	if x.slots == nil {
		x.slots = make([]int32, 1<<12)
	}
	clear(x.slots)
	x.used = 0
}

// slot is the claim's slot: free, or that of the newest operation on it. A free slot counts as used from now on.
func (x *claimIndex) slot(ops []op, claim []byte) *int32 {
	if 2*x.used >= len(x.slots) {
		x.grow(ops)
	}
	mask := uint64(len(x.slots) - 1)
	for i := hashOf(claim) & mask; ; i = (i + 1) & mask {
		switch at := x.slots[i]; {
		case at == 0:
			x.used++
			return &x.slots[i]
		case bytes.Equal(ops[at-1].claim, claim):
			return &x.slots[i]
		}
	}
}

func (x *claimIndex) grow(ops []op) {
	x.slots, x.used = make([]int32, 2*len(x.slots)), 0
	for i := range ops {
		*x.slot(ops, ops[i].claim) = int32(i + 1)
	}
}
