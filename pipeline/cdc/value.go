package cdc

import (
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

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
