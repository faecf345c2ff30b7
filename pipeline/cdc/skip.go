package cdc

import (
	"encoding/binary"
	"math"

	"github.com/tokrelay/tokrelay/pipeline"
)

// decodeError is why bytes do not fit their schema. It is free of values.
type decodeError string

func (e decodeError) Error() string { return string(e) }

const (
	errShort     = decodeError("the bytes end inside the value")
	errBool      = decodeError("a boolean is neither 0 nor 1")
	errBranch    = decodeError("a union has no such branch")
	errSymbol    = decodeError("an enum has no such symbol")
	errLength    = decodeError("a length is negative")
	errBlock     = decodeError("a block of an array or map announces more items than the bytes can hold")
	errRepeated  = decodeError("a map has a key twice")
	errAuthority = decodeError("goavro refuses the value")
)

// limitError is a value refused for its size. goavro is never asked about such a value.
type limitError string

func (e limitError) Error() string { return string(e) }

const (
	errDeep = limitError("the value is nested too deeply")
	errMany = limitError("the value has too many items")
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

// skip passes over a value and checks it as reading would.
func (c *cursor) skip(t *typ) error {
	var err error
	switch t.kind {
	case kindNull:
	case kindBool:
		_, err = c.boolean()
	case kindInt, kindLong:
		_, err = c.long()
	case kindFloat:
		_, err = c.fixed(4)
	case kindDouble:
		_, err = c.fixed(8)
	case kindBytes, kindString:
		_, err = c.bytes()
	case kindFixed:
		_, err = c.fixed(int64(t.size))
	case kindEnum:
		_, err = c.symbol(t)
	default:
		return c.skipWithin(t)
	}
	return err
}

func (c *cursor) skipWithin(t *typ) error {
	if err := c.deeper(); err != nil {
		return err
	}
	err := c.skipParts(t)
	c.depth++
	return err
}

func (c *cursor) skipParts(t *typ) error {
	switch t.kind {
	case kindUnion:
		b, err := c.branch(t)
		if err != nil {
			return err
		}
		return c.skip(b)
	case kindRecord:
		return c.skipRecord(t)
	case kindArray:
		return c.skipArray(t)
	}
	return c.skipMap(t)
}

func (c *cursor) skipRecord(t *typ) error {
	if err := c.spend(len(t.fields) + 1); err != nil {
		return err
	}
	for i := range t.fields {
		if err := c.skip(t.fields[i].typ); err != nil {
			return inField(t.fields[i].name, err)
		}
	}
	return nil
}

func (c *cursor) skipArray(t *typ) error {
	for {
		n, err := c.block(t.items.minSize)
		if err != nil || n == 0 {
			return err
		}
		for range n {
			if err := c.skip(t.items); err != nil {
				return err
			}
		}
	}
}

// skipMap looks at the keys too: goavro refuses a map with a key twice.
func (c *cursor) skipMap(t *typ) error {
	var seen keys
	for {
		n, err := c.block(t.items.minSize + 1)
		if err != nil || n == 0 {
			return err
		}
		for range n {
			key, err := c.bytes()
			if err != nil {
				return err
			}
			if seen.add(key) {
				return errRepeated
			}
			if err := c.skip(t.items); err != nil {
				return err
			}
		}
	}
}

// keys is a set of a map's keys: a short list, then a real set.
type keys struct {
	few  [8]string
	n    int
	many map[string]struct{}
}

// add reports whether the key was there.
func (k *keys) add(key []byte) bool {
	if k.n < len(k.few) {
		for _, s := range k.few[:k.n] {
			if s == string(key) {
				return true
			}
		}
		k.few[k.n] = string(key)
		k.n++
		return false
	}
	if k.many == nil {
		k.many = map[string]struct{}{}
		for _, s := range k.few {
			k.many[s] = struct{}{}
		}
	}
	if _, ok := k.many[string(key)]; ok {
		return true
	}
	k.many[string(key)] = struct{}{}
	return false
}
