package owners

import (
	"encoding/binary"
	"math/bits"
)

// rowTable is what is remembered of the rows of a partition: records by identity, for millions of rows. They are one after
// the other in slabs, without pointers, so that the garbage collector has nothing to look at. Identities are hashes
// already.
type rowTable struct {
	slots   []uint64 // the upper half of an identity's hash, then the entry's place plus one; 0 free, gone removed
	len     int      // entries
	used    int      // slots in use, removed ones included
	slabs   [][]byte
	free    int // offset in the last slab
	garbage int // bytes of entries that nothing points to
	moves   int // how often slots moved: who goes through them begins again
}

const (
	slabSize = 1 << 20
	unit     = 4 // entries begin at multiples of it
	gone     = 1<<32 - 1
)

// mostOfRow is the longest record that there is room for.
const mostOfRow = slabSize - len(Identity{}) - binary.MaxVarintLen32

func (t *rowTable) get(id *Identity) ([]byte, bool) {
	if i, ok := t.find(id); ok {
		return t.value(t.slots[i]), true
	}
	return nil, false
}

// hashOf does not look at the bytes that choose the partition.
func hashOf(id *Identity) uint64 { return binary.LittleEndian.Uint64(id[:]) }

// find is the identity's slot, or the one to put it into.
func (t *rowTable) find(id *Identity) (slot int, ok bool) {
	if len(t.slots) == 0 {
		return -1, false
	}
	hash := hashOf(id)
	home, _ := bits.Mul64(hash, uint64(len(t.slots)))
	tag, room := hash<<32, -1 // the upper half has chosen the slot
	for i := int(home); ; {
		switch s := t.slots[i]; {
		case s == 0 && room >= 0:
			return room, false
		case s == 0:
			return i, false
		case s == gone:
			if room < 0 {
				room = i
			}
		case s&^(1<<32-1) == tag && Identity(t.entry(s)[:16]) == *id:
			return i, true
		}
		if i++; i == len(t.slots) {
			i = 0
		}
	}
}

func (t *rowTable) entry(slot uint64) []byte {
	at := (int(uint32(slot)) - 1) * unit
	return t.slabs[at/slabSize][at%slabSize:]
}

func (t *rowTable) value(slot uint64) []byte {
	_, v := valueOf(t.entry(slot))
	return v
}

// valueOf is an entry's size and its value.
func valueOf(entry []byte) (size int, value []byte) {
	rest := entry[len(Identity{}):]
	n, k := binary.Uvarint(rest)
	end := k + int(n)
	return sizeOf(int(n)), rest[k:end:end]
}

func sizeOf(value int) int {
	n := len(Identity{}) + 1 + value
	for v := value; v >= 0x80; v >>= 7 {
		n++
	}
	return (n + unit - 1) / unit * unit
}

// set puts a value in and reports whether there was room for it: one that is longer than mostOfRow is left out.
func (t *rowTable) set(id *Identity, value []byte) bool {
	if len(value) > mostOfRow {
		t.remove(id)
		return false
	}
	if 100*(t.used+1) > 85*len(t.slots) {
		t.rehash()
	}
	i, there := t.find(id)
	switch {
	case there:
		size, _ := valueOf(t.entry(t.slots[i]))
		if size == sizeOf(len(value)) {
			write(t.entry(t.slots[i]), id, value)
			return true
		}
		t.garbage += size
	case t.slots[i] == 0:
		t.used++
		t.len++
	default:
		t.len++
	}
	t.slots[i] = hashOf(id)<<32 | uint64(t.add(id, value)/unit+1)
	t.tidy()
	return true
}

func write(entry []byte, id *Identity, value []byte) {
	n := copy(entry, id[:])
	n += binary.PutUvarint(entry[n:], uint64(len(value)))
	copy(entry[n:], value)
}

func (t *rowTable) add(id *Identity, value []byte) (at int) {
	size := sizeOf(len(value))
	if len(t.slabs) == 0 || t.free+size > slabSize {
		t.slabs, t.free = append(t.slabs, make([]byte, slabSize)), 0
	}
	last := len(t.slabs) - 1
	write(t.slabs[last][t.free:], id, value)
	at = last*slabSize + t.free
	t.free += size
	return at
}

func (t *rowTable) remove(id *Identity) {
	i, there := t.find(id)
	if !there {
		return
	}
	size, _ := valueOf(t.entry(t.slots[i]))
	t.garbage += size
	t.slots[i] = gone
	t.len--
	t.tidy()
}

// rehash makes room for more slots, or takes removed ones out.
func (t *rowTable) rehash() {
	old := t.slots
	t.slots, t.used = make([]uint64, max(64, (t.len+1)*3/2)), 0
	for _, s := range old {
		if s != 0 && s != gone {
			id := Identity(t.entry(s)[:16])
			i, _ := t.find(&id)
			t.slots[i] = s
			t.used++
		}
	}
	t.moves++
}

// tidy copies what is still in use once half of the slabs is garbage.
func (t *rowTable) tidy() {
	if t.garbage < 4*slabSize || 2*t.garbage < len(t.slabs)*slabSize {
		return
	}
	fresh := rowTable{slots: make([]uint64, max(64, (t.len+1)*3/2)), moves: t.moves + 1}
	t.each(func(id *Identity, value []byte) bool { return fresh.set(id, value) })
	*t = fresh
}

// each goes through identities and values until one is refused; a value is to be read only, and only until the next change.
func (t *rowTable) each(yield func(id *Identity, value []byte) bool) {
	t.eachFrom(0, yield)
}

// eachFrom is each from a slot on; it returns the slot to go on with, and whether there are more.
func (t *rowTable) eachFrom(slot int, yield func(id *Identity, value []byte) bool) (next int, more bool) {
	for i := slot; i < len(t.slots); i++ {
		if s := t.slots[i]; s != 0 && s != gone {
			if id := Identity(t.entry(s)[:16]); !yield(&id, t.value(s)) {
				return i, true
			}
		}
	}
	return len(t.slots), false
}

// bytes is about what the table takes.
func (t *rowTable) bytes() int64 { return int64(len(t.slots))*8 + int64(len(t.slabs))*slabSize }
