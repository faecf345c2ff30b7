package avro

import (
	"encoding/binary"
	"math"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Cursor reads Avro's binary form. It accepts and refuses what goavro does: a varint has as many bytes as it likes, bits
// beyond the type are lost. Its budget of values and depth bounds time and memory, here and in goavro after it.
type Cursor struct {
	Buf    []byte
	Pos    int
	Values int // how many more may be read
	Depth  int // how many more levels
	Lists  *pipeline.Arena
}

func (c *Cursor) Left() int { return len(c.Buf) - c.Pos }

// Long reads a varint, usually of one byte.
func (c *Cursor) Long() (int64, error) {
	if c.Pos < len(c.Buf) && c.Buf[c.Pos] < 0x80 {
		u := int64(c.Buf[c.Pos])
		c.Pos++
		return u>>1 ^ -(u & 1), nil
	}
	return c.longer()
}

func (c *Cursor) longer() (int64, error) {
	n, pos := varint(c.Buf, c.Pos)
	if pos < 0 {
		return 0, errShort
	}
	c.Pos = pos
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
func (c *Cursor) integer(k Kind) (int64, error) {
	if k == KindLong {
		return c.Long()
	}
	n, pos := narrow(c.Buf, c.Pos)
	if pos < 0 {
		return 0, errShort
	}
	c.Pos = pos
	return n, nil
}

func (c *Cursor) boolean() (bool, error) {
	switch {
	case c.Left() < 1:
		return false, errShort
	case c.Buf[c.Pos] > 1:
		return false, errBool
	}
	c.Pos++
	return c.Buf[c.Pos-1] == 1, nil
}

// Bytes reads a length and what it announces, in place.
func (c *Cursor) Bytes() ([]byte, error) {
	n, err := c.Long()
	switch {
	case err != nil:
		return nil, err
	case n < 0:
		return nil, errLength
	}
	return c.fixed(n)
}

func (c *Cursor) fixed(n int64) ([]byte, error) {
	if n > int64(c.Left()) {
		return nil, errShort
	}
	c.Pos += int(n)
	return c.Buf[c.Pos-int(n) : c.Pos : c.Pos], nil
}

func (c *Cursor) float() (float32, error) {
	b, err := c.fixed(4)
	if err != nil {
		return 0, err
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b)), nil
}

func (c *Cursor) double() (float64, error) {
	b, err := c.fixed(8)
	if err != nil {
		return 0, err
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b)), nil
}

func (c *Cursor) branch(t *Type) (*Type, error) {
	n, err := c.Long()
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n >= int64(len(t.Branches)):
		return nil, ErrBranch
	}
	return t.Branches[n], nil
}

func (c *Cursor) symbol(t *Type) ([]byte, error) {
	n, err := c.Long()
	switch {
	case err != nil:
		return nil, err
	case n < 0 || n >= int64(len(t.Symbols)):
		return nil, errSymbol
	}
	return t.Symbols[n], nil
}

// block reads the head of a block: how many items follow. It is an error if they cannot fit the bytes that are left.
func (c *Cursor) block(itemSize int) (int64, error) {
	n, err := c.Long()
	if err == nil && n < 0 {
		if n == math.MinInt64 {
			return 0, ErrBlock
		}
		n = -n
		_, err = c.Long()
	}
	switch {
	case err != nil:
		return 0, err
	case n > MaxBlock || itemSize > 0 && n > int64(c.Left()/itemSize):
		return 0, ErrBlock
	}
	return n, c.Spend(int(n))
}

// Spend takes values from the budget.
func (c *Cursor) Spend(n int) error {
	if c.Values -= n; c.Values < 0 {
		return errMany
	}
	return nil
}

func (c *Cursor) deeper() error {
	if c.Depth--; c.Depth < 0 {
		return errDeep
	}
	return nil
}
