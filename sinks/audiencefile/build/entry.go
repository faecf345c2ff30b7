package build

import "encoding/binary"

// entry is what one record says of its key: the key's digest, when and where it was written, and the lines of its row,
// none for a key that is deleted or no member. On disk: 16 bytes of digest, 8 of order, 1 of the number of lines, lines.
type entry []byte

const (
	keySize    = 16
	entryHead  = keySize + 8 + 1
	orderShift = 16 // of the time in an order; the partition is below
)

func (e entry) key() []byte   { return e[:keySize] }
func (e entry) order() uint64 { return binary.LittleEndian.Uint64(e[keySize:]) }
func (e entry) count() int    { return int(e[keySize+8]) }
func (e entry) lines() []byte { return e[entryHead:] }

func (e entry) setHead(key [keySize]byte, order uint64, lines int) {
	copy(e, key[:])
	binary.LittleEndian.PutUint64(e[keySize:], order)
	e[keySize+8] = byte(lines)
}

// orderOf says when and where a record was written.
func orderOf(millis int64, partition int) uint64 {
	return uint64(max(millis, 0))<<orderShift | uint64(partition)
}

func partitionOf(order uint64) uint64 { return order & (1<<orderShift - 1) }

// cutEntry takes the first entry off.
func cutEntry(records []byte, width int) (e entry, rest []byte) {
	n := entryHead + int(records[keySize+8])*width
	return records[:n:n], records[n:]
}
