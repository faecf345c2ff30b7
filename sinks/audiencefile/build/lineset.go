package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// lineSet is a set of lines.
type lineSet struct {
	width int
	slots []uint32 // index of a line plus one; 0: free
	n     int
	lines []byte
}

func (s *lineSet) reset() {
	clear(s.slots)
	s.n, s.lines = 0, s.lines[:0]
}

// add reports whether the line is new.
func (s *lineSet) add(line []byte) bool {
	if 2*(s.n+1) > len(s.slots) {
		s.grow()
	}
	slot := s.find(line)
	if s.slots[slot] != 0 {
		return false
	}
	s.lines = append(s.lines, line...)
	s.n++
	s.slots[slot] = uint32(s.n)
	return true
}

func (s *lineSet) has(line []byte) bool {
	return s.n > 0 && s.slots[s.find(line)] != 0
}

func (s *lineSet) line(i uint32) []byte { return s.lines[int(i)*s.width : int(i+1)*s.width] }

func (s *lineSet) find(line []byte) uint64 {
	mask := uint64(len(s.slots) - 1)
	slot := scatter(line) & mask
	for s.slots[slot] != 0 && !bytes.Equal(s.line(s.slots[slot]-1), line) {
		slot = (slot + 1) & mask
	}
	return slot
}

func (s *lineSet) grow() {
	s.slots = make([]uint32, max(1024, 2*len(s.slots)))
	for i := range uint32(s.n) {
		s.slots[s.find(s.line(i))] = i + 1
	}
}

// setDigest tells sets of lines apart, whatever the order in which their lines are added: the sum of the lines' hashes.
type setDigest [4]uint64

func (d *setDigest) add(line []byte) {
	sum := line
	if len(line) != sha256.Size { // a line of one SHA-256 digest is hash enough
		hashed := sha256.Sum256(line)
		sum = hashed[:]
	}
	d.plus(&setDigest{
		binary.LittleEndian.Uint64(sum), binary.LittleEndian.Uint64(sum[8:]),
		binary.LittleEndian.Uint64(sum[16:]), binary.LittleEndian.Uint64(sum[24:]),
	})
}

func (d *setDigest) plus(other *setDigest) {
	carry := uint64(0)
	for i := range d {
		d[i], carry = bits.Add64(d[i], other[i], carry)
	}
}

func (d *setDigest) String() string {
	var b [32]byte
	for i, word := range d {
		binary.LittleEndian.PutUint64(b[8*i:], word)
	}
	return hex.EncodeToString(b[:])
}
