package avro

import (
	"encoding/binary"
	"math"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Run reads one record. values has room for every slot; all of them are set when it returns without an error.
func (p *Plan) Run(c *Cursor, values []pipeline.Value) error {
	if err := c.Spend(len(p.Steps) + 1); err != nil {
		return err
	}
	for _, slot := range p.absent {
		values[slot] = pipeline.Value{}
	}
	if i, err := p.fields(c, values); err != nil {
		return InField(p.Steps[i].Field.Name, err)
	}
	p.copy(values)
	return nil
}

// copy fills the slots that take their value from another one.
func (p *Plan) copy(values []pipeline.Value) {
	for _, to := range p.copies {
		values[to.to] = values[to.from]
		if to.path != "" {
			values[to.to] = p.dialect.member(values[to.from], to.path)
		}
	}
}

// fields is the hot loop: it keeps the position in a local variable and handles the common shapes in place. Whatever is
// rarer goes through the cursor.
func (p *Plan) fields(c *Cursor, values []pipeline.Value) (int, error) {
	buf, pos := c.Buf, c.Pos
	steps := p.Steps
	for i := range steps {
		s := &steps[i]
		if s.Null >= 0 {
			if pos >= len(buf) {
				return i, errShort
			}
			branch := int64(buf[pos] >> 1)
			if buf[pos]&^2 == 0 {
				pos++
			} else if branch, pos = varint(buf, pos); pos < 0 {
				return i, errShort
			} else if branch&^1 != 0 {
				return i, ErrBranch
			}
			if branch == int64(s.Null) {
				s.setNull(values)
				continue
			}
		}
		switch s.Op {
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
			switch s.Op {
			case opText:
				b := buf[start:pos:pos]
				if s.Meaning == Plain && (n == 0 || !p.dialect.first[b[0]]) {
					values[s.Slot] = pipeline.StringValue(b)
				} else {
					p.dialect.setText(&values[s.Slot], s.Meaning, b)
				}
			case opBytes:
				p.dialect.setBytes(&values[s.Slot], s.Type, buf[start:pos:pos])
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
			if s.Meaning == Plain {
				values[s.Slot] = pipeline.IntValue(n)
				continue
			}
			setInt(&values[s.Slot], s.Meaning, n)
		case opInt:
			var n int64
			if n, pos = narrow(buf, pos); pos < 0 {
				return i, errShort
			}
			if s.Meaning == Plain {
				values[s.Slot] = pipeline.IntValue(n)
				continue
			}
			setInt(&values[s.Slot], s.Meaning, n)
		case opBool:
			if pos >= len(buf) {
				return i, errShort
			}
			if buf[pos] > 1 {
				return i, errBool
			}
			values[s.Slot] = pipeline.BoolValue(buf[pos] == 1)
			pos++
		case opSkipFixed:
			if int(s.Size) > len(buf)-pos {
				return i, errShort
			}
			pos += int(s.Size)
		case opDouble:
			if len(buf)-pos < 8 {
				return i, errShort
			}
			values[s.Slot] = pipeline.FloatValue(math.Float64frombits(binary.LittleEndian.Uint64(buf[pos:])))
			pos += 8
		case opSkipDecimal, opSkipTexts:
			end := s.passUsual(c, buf, pos)
			if c.Pos = pos; end < 0 {
				if err := c.Skip(s.Type); err != nil {
					return i, err
				}
				end = c.Pos
			}
			pos = end
		default:
			c.Pos = pos
			if err := p.rare(c, s, values); err != nil {
				return i, err
			}
			pos = c.Pos
		}
	}
	c.Pos = pos
	return 0, nil
}

// setNull fills the slots of a NULL column.
func (s *Step) setNull(values []pipeline.Value) {
	switch {
	case s.Slot >= 0:
		values[s.Slot] = pipeline.NullValue()
	case s.sub != nil:
		s.sub.setNull(values)
	}
}

// setNull fills the slots of a nested record that is NULL.
func (p *Plan) setNull(values []pipeline.Value) {
	for _, slot := range p.slots {
		values[slot] = pipeline.NullValue()
	}
	for _, slot := range p.absent {
		values[slot] = pipeline.Value{}
	}
}

func (p *Plan) rare(c *Cursor, s *Step, values []pipeline.Value) (err error) {
	switch s.Op {
	case opSkip:
		return c.Skip(s.Type)
	case opRecord:
		if err = c.deeper(); err == nil {
			err = s.sub.Run(c, values)
			c.Depth++
		}
		return err
	}
	return p.value(c, s.Type, &values[s.Slot])
}
