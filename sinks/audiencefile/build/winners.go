package build

import "encoding/binary"

// winners keeps, of a stream of entries, the one that counts for each key. Within a partition that is the last; the
// stream must have each partition's entries in their order. A key that was written to several partitions (because
// partitions were added) belongs to the one with the latest timestamp. That is a fact about the set of entries: the
// order in which partitions are read does not matter.
type winners struct {
	width   int
	slots   []uint32 // index of an entry plus one; 0: free
	list    []winner
	lines   []byte
	garbage int
}

type winner struct {
	key   [keySize]byte
	order uint64
	at    uint32 // of its lines
	count uint8
}

func (w *winners) reset() {
	clear(w.slots)
	w.list, w.lines, w.garbage = w.list[:0], w.lines[:0], 0
}

func (w *winners) add(e entry) {
	if 2*(len(w.list)+1) > len(w.slots) {
		w.grow()
	}
	key := [keySize]byte(e.key())
	slot := w.find(&key)
	if i := w.slots[slot]; i > 0 {
		w.meet(&w.list[i-1], e)
		return
	}
	w.list = append(w.list, winner{key: key, order: e.order(), at: uint32(len(w.lines)), count: uint8(e.count())})
	w.lines = append(w.lines, e.lines()...)
	w.slots[slot] = uint32(len(w.list))
}

func (w *winners) find(key *[keySize]byte) uint64 {
	mask := uint64(len(w.slots) - 1)
	// The first byte chose the bucket, so it says nothing here.
	slot := binary.LittleEndian.Uint64(key[8:]) & mask
	for w.slots[slot] != 0 && w.list[w.slots[slot]-1].key != *key {
		slot = (slot + 1) & mask
	}
	return slot
}

func (w *winners) grow() {
	w.slots = make([]uint32, max(1024, 2*len(w.slots)))
	for i := range w.list {
		w.slots[w.find(&w.list[i].key)] = uint32(i + 1)
	}
}

// meet lets an entry of a known key take its place, if it is the later one. A partition's clock only moves forward: that
// makes the outcome independent of the order in which partitions are read.
func (w *winners) meet(old *winner, e entry) {
	order := e.order()
	if partitionOf(order) == partitionOf(old.order) {
		order = max(order, old.order)
	} else if order < old.order {
		return
	}
	old.order = order
	n := len(e.lines())
	was := int(old.count) * w.width
	if n > was {
		w.garbage += was
		old.at = uint32(len(w.lines))
		w.lines = append(w.lines, e.lines()...)
	} else {
		copy(w.lines[old.at:], e.lines())
		w.garbage += was - n
	}
	old.count = uint8(e.count())
	w.tidy()
}

// tidy copies the lines in use once most are not, so that a key that changes all the time costs no memory.
func (w *winners) tidy() {
	if w.garbage < 1<<20 || 2*w.garbage < len(w.lines) {
		return
	}
	fresh := make([]byte, 0, len(w.lines)-w.garbage+1<<16)
	for i := range w.list {
		lines := w.linesOf(&w.list[i])
		w.list[i].at = uint32(len(fresh))
		fresh = append(fresh, lines...)
	}
	w.lines, w.garbage = fresh, 0
}

func (w *winners) linesOf(e *winner) []byte {
	return w.lines[e.at : int(e.at)+int(e.count)*w.width]
}
