package cdc

import (
	"encoding/binary"
	"math"

	"github.com/tokrelay/tokrelay/pipeline"
)

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
