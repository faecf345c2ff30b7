package avro

import (
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// value reads one value of any type.
func (p *Plan) value(c *Cursor, t *Type, into *pipeline.Value) (err error) {
	switch t.Kind {
	case KindString, KindBytes, KindFixed:
		return p.binary(c, t, into)
	case KindArray, KindMap, KindRecord, KindUnion:
		return p.within(c, t, into)
	case KindNull:
		*into = pipeline.NullValue()
	case KindEnum:
		var symbol []byte
		symbol, err = c.symbol(t)
		*into = pipeline.StringValue(symbol)
	case KindBool:
		var b bool
		b, err = c.boolean()
		*into = pipeline.BoolValue(b)
	case KindFloat:
		var f float32
		f, err = c.float()
		*into = pipeline.Float32Value(f)
	case KindDouble:
		var f float64
		f, err = c.double()
		*into = pipeline.FloatValue(f)
	default:
		var n int64
		n, err = c.integer(t.Kind)
		setInt(into, t.Meaning, n)
	}
	return err
}

func (p *Plan) binary(c *Cursor, t *Type, into *pipeline.Value) error {
	var b []byte
	var err error
	if t.Kind == KindFixed {
		b, err = c.fixed(int64(t.Size))
	} else {
		b, err = c.Bytes()
	}
	switch {
	case err != nil:
		return err
	case t.Kind == KindString:
		p.dialect.setText(into, t.Meaning, b)
	default:
		p.dialect.setBytes(into, t, b)
	}
	return nil
}

func (p *Plan) within(c *Cursor, t *Type, into *pipeline.Value) (err error) {
	if err = c.deeper(); err != nil {
		return err
	}
	switch {
	case t.Kind == KindUnion:
		var b *Type
		if b, err = c.branch(t); err == nil {
			err = p.value(c, b, into)
		}
	case p.leaves[t] != nil:
		err = p.leaf(c, t, into)
	case t.Kind == KindArray:
		err = p.list(c, t, into)
	default:
		err = p.varDecimal(c, into)
	}
	c.Depth++
	return err
}

// leaf lets goavro decode a value, once it is known to be of a size and depth goavro can be trusted with.
func (p *Plan) leaf(c *Cursor, t *Type, into *pipeline.Value) error {
	start := c.Pos
	if err := c.Skip(t); err != nil {
		return err
	}
	native, rest, err := p.leaves[t].NativeFromBinary(c.Buf[start:c.Pos])
	if err != nil || len(rest) != 0 {
		return ErrAuthority
	}
	*into = p.dialect.native(t, native)
	return nil
}

// list reads a list into the change's arena. One in several blocks, which no writer of rows makes, is put together apart.
func (p *Plan) list(c *Cursor, t *Type, into *pipeline.Value) error {
	n, err := c.block(t.Items.minSize)
	if err != nil {
		return err
	}
	list, elems := c.Lists.List(int(n))
	if err := p.items(c, t.Items, elems); err != nil {
		return err
	}
	for more := n; more > 0; {
		if more, err = c.block(t.Items.minSize); err != nil {
			return err
		}
		if more > 0 {
			elems = slices.Grow(slices.Clip(elems), int(more))[:len(elems)+int(more)]
			if err := p.items(c, t.Items, elems[len(elems)-int(more):]); err != nil {
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
func (p *Plan) items(c *Cursor, t *Type, into []pipeline.Value) error {
	of, null, nullable := t.Nullable()
	for i := range into {
		if nullable {
			n, err := c.Long()
			switch {
			case err != nil:
				return err
			case n&^1 != 0:
				return ErrBranch
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

func (p *Plan) varDecimal(c *Cursor, into *pipeline.Value) error {
	scale, err := c.integer(KindInt)
	if err != nil {
		return err
	}
	b, err := c.Bytes()
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
