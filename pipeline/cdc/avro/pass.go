package avro

import (
	"encoding/binary"
	"math/bits"
)

// pastVarint is the position behind a varint, beyond the bytes if they end inside it. Eight bytes are looked at in one go:
// a timestamp has as many.
func pastVarint(buf []byte, pos int) int {
	if len(buf)-pos >= 8 {
		if ends := ^binary.LittleEndian.Uint64(buf[pos:]) & 0x8080808080808080; ends != 0 {
			return pos + bits.TrailingZeros64(ends)/8 + 1
		}
	}
	for pos < len(buf) && buf[pos] >= 0x80 {
		pos++
	}
	return pos + 1
}

// passUsual is the position behind a value of the usual form: short texts, few items in one block. It is negative for any
// other form, and for bytes that do not fit: then the cursor has to look.
func (s *Step) passUsual(c *Cursor, buf []byte, pos int) int {
	if s.Op == opSkipDecimal {
		return pastShort(buf, pastVarint(buf, pos))
	}
	if pos >= len(buf) || buf[pos]&0x81 != 0 {
		return -1
	}
	n := int(buf[pos] >> 1)
	if pos++; n == 0 {
		return pos
	}
	for range n {
		if s.Size >= 0 {
			if pos >= len(buf) || int32(buf[pos]) != 2-2*s.Size {
				return -1
			}
			pos++
		}
		if pos = pastShort(buf, pos); pos < 0 {
			return -1
		}
	}
	if pos >= len(buf) || buf[pos] != 0 || c.Spend(n) != nil {
		return -1
	}
	return pos + 1
}

// pastShort is the position behind a text of less than 64 bytes, negative if it is not one.
func pastShort(buf []byte, pos int) int {
	if pos >= len(buf) || buf[pos]&0x81 != 0 {
		return -1
	}
	if pos += 1 + int(buf[pos]>>1); pos > len(buf) {
		return -1
	}
	return pos
}

func badLength(n int64) error {
	if n < 0 {
		return errLength
	}
	return errShort
}
