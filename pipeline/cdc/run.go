package cdc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// fieldError says which column the bytes went wrong in.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return fmt.Sprintf("column %s: %v", short(e.field), e.err) }
func (e *fieldError) Unwrap() error { return e.err }

// inField adds the name of the field the bytes went wrong in, once: the innermost says most.
func inField(field string, err error) error {
	if _, ok := errors.AsType[*fieldError](err); ok {
		return err
	}
	return &fieldError{field, err}
}

// run reads one record. values has room for every slot; all of them are set when it returns without an error.
func (p *rowPlan) run(c *cursor, values []pipeline.Value) error {
	if err := c.spend(len(p.steps) + 1); err != nil {
		return err
	}
	for _, slot := range p.absent {
		values[slot] = pipeline.Value{}
	}
	if i, err := p.fields(c, values); err != nil {
		return inField(p.steps[i].field.name, err)
	}
	p.copy(values)
	return nil
}

// copy fills the slots that take their value from another one.
func (p *rowPlan) copy(values []pipeline.Value) {
	for _, to := range p.copies {
		values[to.to] = values[to.from]
		if to.path != "" {
			values[to.to] = p.dialect.member(values[to.from], to.path)
		}
	}
}

// fields is the hot loop: it keeps the position in a local variable and handles the common shapes in place. Whatever is
// rarer goes through the cursor.
func (p *rowPlan) fields(c *cursor, values []pipeline.Value) (int, error) {
	buf, pos := c.buf, c.pos
	steps := p.steps
	for i := range steps {
		s := &steps[i]
		if s.null >= 0 {
			if pos >= len(buf) {
				return i, errShort
			}
			branch := int64(buf[pos] >> 1)
			if buf[pos]&^2 == 0 {
				pos++
			} else if branch, pos = varint(buf, pos); pos < 0 {
				return i, errShort
			} else if branch&^1 != 0 {
				return i, errBranch
			}
			if branch == int64(s.null) {
				s.setNull(values)
				continue
			}
		}
		switch s.op {
		case opSkipText, opText, opBytes:
			var n int64
			if pos < len(buf) && buf[pos] < 0x80 {
				n = int64(buf[pos]>>1) ^ -int64(buf[pos]&1)
				pos++
			} else if n, pos = varint(buf, pos); pos < 0 {
				return i, errShort
			}
			if uint64(n) > uint64(len(buf)-pos) {
				return i, badLength(n)
			}
			start := pos
			pos += int(n)
			switch s.op {
			case opText:
				b := buf[start:pos:pos]
				if s.meaning == plain && (n == 0 || !p.dialect.first[b[0]]) {
					values[s.slot] = pipeline.StringValue(b)
				} else {
					p.dialect.setText(&values[s.slot], s.meaning, b)
				}
			case opBytes:
				p.dialect.setBytes(&values[s.slot], s.typ, buf[start:pos:pos])
			}
		case opSkipVarint:
			if pos = pastVarint(buf, pos); pos > len(buf) {
				return i, errShort
			}
		case opLong:
			var n int64
			if n, pos = varint(buf, pos); pos < 0 {
				return i, errShort
			}
			if s.meaning == plain {
				values[s.slot] = pipeline.IntValue(n)
				continue
			}
			setInt(&values[s.slot], s.meaning, n)
		case opInt:
			var n int64
			if n, pos = narrow(buf, pos); pos < 0 {
				return i, errShort
			}
			if s.meaning == plain {
				values[s.slot] = pipeline.IntValue(n)
				continue
			}
			setInt(&values[s.slot], s.meaning, n)
		case opBool:
			if pos >= len(buf) {
				return i, errShort
			}
			if buf[pos] > 1 {
				return i, errBool
			}
			values[s.slot] = pipeline.BoolValue(buf[pos] == 1)
			pos++
		case opSkipFixed:
			if int(s.size) > len(buf)-pos {
				return i, errShort
			}
			pos += int(s.size)
		case opDouble:
			if len(buf)-pos < 8 {
				return i, errShort
			}
			values[s.slot] = pipeline.FloatValue(math.Float64frombits(binary.LittleEndian.Uint64(buf[pos:])))
			pos += 8
		case opSkipDecimal, opSkipTexts:
			end := s.passUsual(c, buf, pos)
			if c.pos = pos; end < 0 {
				if err := c.skip(s.typ); err != nil {
					return i, err
				}
				end = c.pos
			}
			pos = end
		default:
			c.pos = pos
			if err := p.rare(c, s, values); err != nil {
				return i, err
			}
			pos = c.pos
		}
	}
	c.pos = pos
	return 0, nil
}

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
func (s *step) passUsual(c *cursor, buf []byte, pos int) int {
	if s.op == opSkipDecimal {
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
		if s.size >= 0 {
			if pos >= len(buf) || int32(buf[pos]) != 2-2*s.size {
				return -1
			}
			pos++
		}
		if pos = pastShort(buf, pos); pos < 0 {
			return -1
		}
	}
	if pos >= len(buf) || buf[pos] != 0 || c.spend(n) != nil {
		return -1
	}
	return pos + 1
}

// pastShort is the position behind a text of less than 64 bytes, negative if it is none.
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

// setNull fills the slots of a NULL column.
func (s *step) setNull(values []pipeline.Value) {
	switch {
	case s.slot >= 0:
		values[s.slot] = pipeline.NullValue()
	case s.sub != nil:
		s.sub.setNull(values)
	}
}

// setNull fills the slots of a nested record that is NULL.
func (p *rowPlan) setNull(values []pipeline.Value) {
	for _, slot := range p.slots {
		values[slot] = pipeline.NullValue()
	}
	for _, slot := range p.absent {
		values[slot] = pipeline.Value{}
	}
}

func (p *rowPlan) rare(c *cursor, s *step, values []pipeline.Value) (err error) {
	switch s.op {
	case opSkip:
		return c.skip(s.typ)
	case opRecord:
		if err = c.deeper(); err == nil {
			err = s.sub.run(c, values)
			c.depth++
		}
		return err
	}
	return p.value(c, s.typ, &values[s.slot])
}

// value reads one value of any type.
func (p *rowPlan) value(c *cursor, t *typ, into *pipeline.Value) (err error) {
	switch t.kind {
	case kindString, kindBytes, kindFixed:
		return p.binary(c, t, into)
	case kindArray, kindMap, kindRecord, kindUnion:
		return p.within(c, t, into)
	case kindNull:
		*into = pipeline.NullValue()
	case kindEnum:
		var symbol []byte
		symbol, err = c.symbol(t)
		*into = pipeline.StringValue(symbol)
	case kindBool:
		var b bool
		b, err = c.boolean()
		*into = pipeline.BoolValue(b)
	case kindFloat:
		var f float32
		f, err = c.float()
		*into = pipeline.Float32Value(f)
	case kindDouble:
		var f float64
		f, err = c.double()
		*into = pipeline.FloatValue(f)
	default:
		var n int64
		n, err = c.integer(t.kind)
		setInt(into, t.meaning, n)
	}
	return err
}

func (p *rowPlan) binary(c *cursor, t *typ, into *pipeline.Value) error {
	var b []byte
	var err error
	if t.kind == kindFixed {
		b, err = c.fixed(int64(t.size))
	} else {
		b, err = c.bytes()
	}
	switch {
	case err != nil:
		return err
	case t.kind == kindString:
		p.dialect.setText(into, t.meaning, b)
	default:
		p.dialect.setBytes(into, t, b)
	}
	return nil
}

func (p *rowPlan) within(c *cursor, t *typ, into *pipeline.Value) (err error) {
	if err = c.deeper(); err != nil {
		return err
	}
	switch {
	case t.kind == kindUnion:
		var b *typ
		if b, err = c.branch(t); err == nil {
			err = p.value(c, b, into)
		}
	case p.leaves[t] != nil:
		err = p.leaf(c, t, into)
	case t.kind == kindArray:
		err = p.list(c, t, into)
	default:
		err = p.varDecimal(c, into)
	}
	c.depth++
	return err
}

// leaf lets goavro decode a value, once it is known to be of a size and depth goavro can be trusted with.
func (p *rowPlan) leaf(c *cursor, t *typ, into *pipeline.Value) error {
	start := c.pos
	if err := c.skip(t); err != nil {
		return err
	}
	native, rest, err := p.leaves[t].NativeFromBinary(c.buf[start:c.pos])
	if err != nil || len(rest) != 0 {
		return errAuthority
	}
	*into = p.dialect.native(t, native)
	return nil
}

// list reads a list into the change's arena. One in several blocks, which no writer of rows makes, is put together apart.
func (p *rowPlan) list(c *cursor, t *typ, into *pipeline.Value) error {
	n, err := c.block(t.items.minSize)
	if err != nil {
		return err
	}
	list, elems := c.lists.List(int(n))
	if err := p.items(c, t.items, elems); err != nil {
		return err
	}
	for more := n; more > 0; {
		if more, err = c.block(t.items.minSize); err != nil {
			return err
		}
		if more > 0 {
			elems = slices.Grow(slices.Clip(elems), int(more))[:len(elems)+int(more)]
			if err := p.items(c, t.items, elems[len(elems)-int(more):]); err != nil {
				return err
			}
			list = pipeline.ListValue(elems)
		}
	}
	if *into = list; p.dialect.isPlaceholderList(elems) {
		*into = pipeline.UnavailableValue()
	}
	return nil
}

// items reads the items of a block. NULL and the type below it are told apart here, once for all of them.
func (p *rowPlan) items(c *cursor, t *typ, into []pipeline.Value) error {
	of, null, nullable := t.nullable()
	for i := range into {
		if nullable {
			n, err := c.long()
			switch {
			case err != nil:
				return err
			case n&^1 != 0:
				return errBranch
			case n == int64(null):
				into[i] = pipeline.NullValue()
				continue
			}
		}
		if err := p.value(c, of, &into[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *rowPlan) varDecimal(c *cursor, into *pipeline.Value) error {
	scale, err := c.integer(kindInt)
	if err != nil {
		return err
	}
	b, err := c.bytes()
	if err != nil {
		return err
	}
	if p.dialect.isPlaceholder(b) {
		*into = pipeline.UnavailableValue()
		return nil
	}
	setDecimal(into, b, int32(scale))
	return nil
}
