package cdc

import (
	"encoding/binary"
	"math"

	"github.com/tokrelay/tokrelay/pipeline"
)

// cursor reads Avro's binary form. It accepts and refuses what goavro does: a varint has as many bytes as it likes, bits
// beyond the type are lost. Its budget of values and depth bounds time and memory, here and in goavro after it.
type cursor struct {
	buf    []byte
	pos    int
	values int // how many more may be read
	depth  int // how many more levels
	lists  *pipeline.Arena
}

func (c *cursor) left() int { return len(c.buf) - c.pos }

// long reads a varint, usually of one byte.
func (c *cursor) long() (int64, error) {
	if c.pos < len(c.buf) && c.buf[c.pos] < 0x80 {
		u := int64(c.buf[c.pos])
		c.pos++
		return u>>1 ^ -(u & 1), nil
	}
	return c.longer()
}

func (c *cursor) longer() (int64, error) {
	n, pos := varint(c.buf, c.pos)
	if pos < 0 {
		return 0, errShort
	}
	c.pos = pos
	return n, nil
}

// varint reads a zigzag varint at pos and returns the position behind it, negative where the bytes end.
func varint(buf []byte, pos int) (int64, int) {
	var u uint64
	for shift := uint(0); pos < len(buf); shift += 7 {
		b := buf[pos]
		pos++
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return int64(u>>1) ^ -int64(u&1), pos
		}
	}
	return 0, -1
}

// narrow makes an Avro int of a varint as goavro does: of the lower bits, sign-extended from the 64th.
func narrow(buf []byte, pos int) (int64, int) {
	var u int64
	for shift := uint(0); pos < len(buf); shift += 7 {
		b := buf[pos]
		pos++
		u |= int64(b&0x7f) << shift
		if b < 0x80 {
			return int64(int32(u>>1) ^ -int32(u&1)), pos
		}
	}
	return 0, -1
}

// integer reads an Avro int or long.
func (c *cursor) integer(k kind) (int64, error) {
	if k == kindLong {
		return c.long()
	}
	n, pos := narrow(c.buf, c.pos)
	if pos < 0 {
		return 0, errShort
	}
	c.pos = pos
	return n, nil
}

func (c *cursor) boolean() (bool, error) {
	switch {
	case c.left() < 1:
		return false, errShort
	case c.buf[c.pos] > 1:
		return false, errBool
	}
	c.pos++
	return c.buf[c.pos-1] == 1, nil
}

// bytes reads a length and what it announces, in place.
func (c *cursor) bytes() ([]byte, error) {
	n, err := c.long()
	switch {
	case err != nil:
		return nil, err
	case n < 0:
		return nil, errLength
	}
	return c.fixed(n)
}

func (c *cursor) fixed(n int64) ([]byte, error) {
	if n > int64(c.left()) {
		return nil, errShort
	}
	c.pos += int(n)
	return c.buf[c.pos-int(n) : c.pos : c.pos], nil
}

func (c *cursor) float() (float32, error) {
	b, err := c.fixed(4)
	if err != nil {
		return 0, err
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b)), nil
}

func (c *cursor) double() (float64, error) {
	b, err := c.fixed(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
}

func (c *cursor) branch(t *typ) (*typ, error) {
	n, err := c.long()
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n >= int64(len(t.branches)):
		return nil, errBranch
	}
	return t.branches[n], nil
}

func (c *cursor) symbol(t *typ) ([]byte, error) {
	n, err := c.long()
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n >= int64(len(t.symbols)):
		return nil, errSymbol
	}
	return t.symbols[n], nil
}

// block reads the head of a block: how many items follow. It is an error if they cannot fit the bytes that are left.
func (c *cursor) block(itemSize int) (int64, error) {
	n, err := c.long()
	if err == nil && n < 0 {
		if n == math.MinInt64 {
			return 0, errBlock
		}
		n = -n
		_, err = c.long()
	}
	switch {
	case err != nil:
		return 0, err
	case n > maxBlock || itemSize > 0 && n > int64(c.left()/itemSize):
		return 0, errBlock
	}
	return n, c.spend(int(n))
}

// spend takes values from the budget.
func (c *cursor) spend(n int) error {
	if c.values -= n; c.values < 0 {
		return errMany
	}
	return nil
}

func (c *cursor) deeper() error {
	if c.depth--; c.depth < 0 {
		return errDeep
	}
	return nil
}
