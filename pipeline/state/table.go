package state

import "encoding/binary"

type key = [16]byte

// table maps keys to short values, for millions of them: values are one after the other in slabs, without pointers,
// so that the garbage collector has nothing to look at. Keys are hashes already: their first bytes are the hash.
type table struct {
	slots   []uint64 // the upper half of a key's hash, then the entry's place plus one; 0 free, gone removed
	len     int      // entries
	used    int      // slots in use, removed ones included
	slabs   [][]byte
	free    int // offset in the last slab
	garbage int // bytes of entries that nothing points to
}

const (
	slabSize = 1 << 20
	unit     = 8 // entries begin at multiples of it
	header   = 16 + 4
	gone     = 1<<32 - 1
)

// maxValue is the longest value a slab has room for.
const maxValue = slabSize - header

func (t *table) get(k key) ([]byte, bool) {
	if i, ok := t.find(k); ok {
		return t.value(t.slots[i]), true
	}
	return nil, false
}

// find is the key's slot, or the one to put it into.
func (t *table) find(k key) (slot int, ok bool) {
	if len(t.slots) == 0 {
		return -1, false
	}
	hash := binary.LittleEndian.Uint64(k[:])
	tag, mask, room := hash>>32, len(t.slots)-1, -1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		switch s := t.slots[i]; {
		case s == 0 && room >= 0:
			return room, false
		case s == 0:
			return i, false
		case s == gone:
			if room < 0 {
				room = i
			}
		case s>>32 == tag && key(t.entry(s)[:16]) == k:
			return i, true
		}
	}
}

func place(slot uint64) int { return (int(uint32(slot)) - 1) * unit }

func (t *table) entry(slot uint64) []byte {
	at := place(slot)
	return t.slabs[at/slabSize][at%slabSize:]
}

func (t *table) value(slot uint64) []byte {
	e := t.entry(slot)
	n := binary.LittleEndian.Uint32(e[16:])
	return e[header : header+n : header+n]
}

// set puts a value in and reports whether there was room for it: values longer than maxValue are left out.
func (t *table) set(k key, value []byte) bool {
	if len(value) > maxValue {
		t.remove(k)
		return false
	}
	if 4*(t.used+1) > 3*len(t.slots) {
		t.rehash()
	}
	i, there := t.find(k)
	if there {
		if t.overwrite(t.slots[i], value) {
			return true
		}
		t.garbage += sizeOf(len(t.value(t.slots[i])))
	} else {
		t.len++
		if t.slots[i] == 0 {
			t.used++
		}
	}
	t.slots[i] = binary.LittleEndian.Uint64(k[:])>>32<<32 | uint64(t.append(k, value)/unit+1)
	t.tidy()
	return true
}

func sizeOf(value int) int { return (header + value + unit - 1) / unit * unit }

// overwrite puts the value where the old one is, if it has the same room.
func (t *table) overwrite(slot uint64, value []byte) bool {
	e := t.entry(slot)
	if sizeOf(int(binary.LittleEndian.Uint32(e[16:]))) != sizeOf(len(value)) {
		return false
	}
	binary.LittleEndian.PutUint32(e[16:], uint32(len(value)))
	copy(e[header:], value)
	return true
}

func (t *table) append(k key, value []byte) (at int) {
	size := sizeOf(len(value))
	if len(t.slabs) == 0 || t.free+size > slabSize {
		t.slabs, t.free = append(t.slabs, make([]byte, slabSize)), 0
	}
	last := len(t.slabs) - 1
	e := t.slabs[last][t.free:]
	copy(e, k[:])
	binary.LittleEndian.PutUint32(e[16:], uint32(len(value)))
	copy(e[header:], value)
	at = last*slabSize + t.free
	t.free += size
	return at
}

func (t *table) remove(k key) {
	i, there := t.find(k)
	if !there {
		return
	}
	t.garbage += sizeOf(len(t.value(t.slots[i])))
	t.slots[i] = gone
	t.len--
	t.tidy()
}

// rehash makes room for more slots, or sweeps removed ones out.
func (t *table) rehash() {
	size := 64
	for size < 2*(t.len+1) {
		size *= 2
	}
	old := t.slots
	t.slots, t.used = make([]uint64, size), 0
	for _, s := range old {
		if s != 0 && s != gone {
			i, _ := t.find(key(t.entry(s)[:16]))
			t.slots[i] = s
			t.used++
		}
	}
}

// tidy copies what is still in use once half of the slabs is garbage.
func (t *table) tidy() {
	if t.garbage < 4*slabSize || 2*t.garbage < len(t.slabs)*slabSize {
		return
	}
	fresh := table{slots: make([]uint64, len(t.slots))}
	for k, v := range t.all {
		fresh.set(k, v)
	}
	*t = fresh
}

// all ranges over keys and values; a value is to be read only, and only until the next change.
func (t *table) all(yield func(k key, value []byte) bool) {
	for _, s := range t.slots {
		if s != 0 && s != gone && !yield(key(t.entry(s)[:16]), t.value(s)) {
			return
		}
	}
}
