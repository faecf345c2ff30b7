package avro

import "slices"

// Skip passes over a value and checks it as reading would.
func (c *Cursor) Skip(t *Type) error {
	var err error
	switch t.Kind {
	case KindNull:
	case KindBool:
		_, err = c.boolean()
	case KindInt, KindLong:
		_, err = c.Long()
	case KindFloat:
		_, err = c.fixed(4)
	case KindDouble:
		_, err = c.fixed(8)
	case KindBytes, KindString:
		_, err = c.Bytes()
	case KindFixed:
		_, err = c.fixed(int64(t.Size))
	case KindEnum:
		_, err = c.symbol(t)
	default:
		return c.skipWithin(t)
	}
	return err
}

func (c *Cursor) skipWithin(t *Type) error {
	if err := c.deeper(); err != nil {
		return err
	}
	err := c.skipParts(t)
	c.Depth++
	return err
}

func (c *Cursor) skipParts(t *Type) error {
	switch t.Kind {
	case KindUnion:
		b, err := c.branch(t)
		if err != nil {
			return err
		}
		return c.Skip(b)
	case KindRecord:
		return c.skipRecord(t)
	case KindArray:
		return c.skipArray(t)
	}
	return c.skipMap(t)
}

func (c *Cursor) skipRecord(t *Type) error {
	if err := c.Spend(len(t.Fields) + 1); err != nil {
		return err
	}
	for i := range t.Fields {
		if err := c.Skip(t.Fields[i].Type); err != nil {
			return InField(t.Fields[i].Name, err)
		}
	}
	return nil
}

func (c *Cursor) skipArray(t *Type) error {
	for {
		n, err := c.block(t.Items.minSize)
		if err != nil || n == 0 {
			return err
		}
		for range n {
			if err := c.Skip(t.Items); err != nil {
				return err
			}
		}
	}
}

// skipMap looks at the keys too: goavro refuses a map with a key twice.
func (c *Cursor) skipMap(t *Type) error {
	var seen keys
	for {
		n, err := c.block(t.Items.minSize + 1)
		if err != nil || n == 0 {
			return err
		}
		for range n {
			key, err := c.Bytes()
			if err != nil {
				return err
			}
			if seen.add(key) {
				return errRepeated
			}
			if err := c.Skip(t.Items); err != nil {
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
		text := string(key)
		if slices.Contains(k.few[:k.n], text) {
			return true
		}
		k.few[k.n] = text
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
