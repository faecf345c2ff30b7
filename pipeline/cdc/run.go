package cdc

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/tokrelay/tokrelay/pipeline"
)

// fieldError says which column the bytes went wrong in.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return fmt.Sprintf("column %s: %v", short(e.field), e.err) }
func (e *fieldError) Unwrap() error { return e.err }

// run reads one record. values has room for every slot; all of them are set when it returns without an error.
func (p *rowPlan) run(c *cursor, values []pipeline.Value) error {
	if err := c.spend(len(p.steps) + 1); err != nil {
		return err
	}
	for _, slot := range p.absent {
		values[slot] = pipeline.Value{}
	}
	if i, err := p.fields(c, values); err != nil {
		return &fieldError{p.steps[i].field.name, err}
	}
	p.copy(values)
	return nil
}

// copy fills the slots that take their value from another one.
func (p *rowPlan) copy(values []pipeline.Value) {
	for _, to := range p.copies {
		values[to.to] = values[to.from]
		if to.path != "" {
			values[to.to] = member(values[to.from], to.path)
		}
	}
}

// fields is the hot loop: it keeps the position in a local variable and handles the common shapes in place. Whatever is
// rarer goes through the cursor.
func (p *rowPlan) fields(c *cursor, values []pipeline.Value) (int, error) {
	buf, pos := c.buf, c.pos
	for i := range p.steps {
		s := &p.steps[i]
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
				if b := buf[start:pos:pos]; s.meaning == plain && (n == 0 || !p.dialect.first[b[0]]) {
					values[s.slot] = pipeline.StringValue(b)
				} else {
					values[s.slot] = p.dialect.stringValue(s.meaning, b)
				}
			case opBytes:
				values[s.slot] = p.dialect.bytesValue(s.typ, buf[start:pos:pos])
			}
		case opSkipVarint:
			for pos < len(buf) && buf[pos] >= 0x80 {
				pos++
			}
			if pos++; pos > len(buf) {
				return i, errShort
			}
		case opLong:
			var n int64
			if n, pos = varint(buf, pos); pos < 0 {
				return i, errShort
			}
			values[s.slot] = intValue(s.meaning, n)
		case opInt:
			var n int64
			if n, pos = narrow(buf, pos); pos < 0 {
				return i, errShort
			}
			values[s.slot] = intValue(s.meaning, n)
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
	values[s.slot], err = p.value(c, s.typ)
	return err
}

// value reads one value of any type.
func (p *rowPlan) value(c *cursor, t *typ) (pipeline.Value, error) {
	switch t.kind {
	case kindNull:
		return pipeline.NullValue(), nil
	case kindBool:
		b, err := c.boolean()
		return pipeline.BoolValue(b), err
	case kindInt:
		n, pos := narrow(c.buf, c.pos)
		if pos < 0 {
			return pipeline.Value{}, errShort
		}
		c.pos = pos
		return intValue(t.meaning, n), nil
	case kindLong:
		n, err := c.long()
		return intValue(t.meaning, n), err
	case kindFloat:
		f, err := c.float()
		return pipeline.Float32Value(f), err
	case kindDouble:
		f, err := c.double()
		return pipeline.FloatValue(f), err
	case kindEnum:
		s, err := c.symbol(t)
		return pipeline.StringValue(s), err
	}
	return p.binary(c, t)
}

func (p *rowPlan) binary(c *cursor, t *typ) (pipeline.Value, error) {
	switch t.kind {
	case kindString:
		b, err := c.bytes()
		return p.dialect.stringValue(t.meaning, b), err
	case kindBytes:
		b, err := c.bytes()
		return p.dialect.bytesValue(t, b), err
	case kindFixed:
		b, err := c.fixed(int64(t.size))
		if err != nil {
			return pipeline.Value{}, err
		}
		return p.dialect.bytesValue(t, b), nil
	}
	return p.within(c, t)
}

func (p *rowPlan) within(c *cursor, t *typ) (v pipeline.Value, err error) {
	if codec := p.leaves[t]; codec != nil {
		return p.leaf(c, t)
	}
	if err = c.deeper(); err != nil {
		return v, err
	}
	switch t.kind {
	case kindUnion:
		var b *typ
		if b, err = c.branch(t); err == nil {
			v, err = p.value(c, b)
		}
	case kindArray:
		v, err = p.list(c, t)
	default:
		v, err = p.varDecimal(c)
	}
	c.depth++
	return v, err
}

// leaf lets goavro decode a value, once it is known to be of a size and depth goavro can be trusted with.
func (p *rowPlan) leaf(c *cursor, t *typ) (pipeline.Value, error) {
	start := c.pos
	if err := c.skip(t); err != nil {
		return pipeline.Value{}, err
	}
	native, rest, err := p.leaves[t].NativeFromBinary(c.buf[start:c.pos])
	if err != nil || len(rest) != 0 {
		return pipeline.Value{}, errAuthority
	}
	return p.dialect.native(t, native), nil
}

func (p *rowPlan) list(c *cursor, t *typ) (pipeline.Value, error) {
	var elems []pipeline.Value
	for {
		n, err := c.block(t.items.minSize)
		if err != nil {
			return pipeline.Value{}, err
		}
		if n == 0 {
			return p.dialect.listValue(elems), nil
		}
		if elems == nil {
			elems = make([]pipeline.Value, 0, n)
		}
		for range n {
			v, err := p.value(c, t.items)
			if err != nil {
				return pipeline.Value{}, err
			}
			elems = append(elems, v)
		}
	}
}

func (p *rowPlan) varDecimal(c *cursor) (pipeline.Value, error) {
	scale, pos := narrow(c.buf, c.pos)
	if pos < 0 {
		return pipeline.Value{}, errShort
	}
	c.pos = pos
	b, err := c.bytes()
	if err != nil {
		return pipeline.Value{}, err
	}
	if p.dialect.isPlaceholder(b) {
		return pipeline.UnavailableValue(), nil
	}
	return pipeline.BigDecimalValue(b, int32(scale)), nil
}
