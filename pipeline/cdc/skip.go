package cdc

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
