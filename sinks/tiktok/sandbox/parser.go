package sandbox

// parser fills a document's nodes in one pass over the body.
type parser struct {
	src   []byte
	pos   int
	nodes []node
}

func (p *parser) space() int {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return p.pos
		}
	}
	return p.pos
}

// peek is the next byte that is not space, or 0 at the end.
func (p *parser) peek() byte {
	if p.space() == len(p.src) {
		return 0
	}
	return p.src[p.pos]
}

func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.pos++
	return true
}

func (p *parser) value(depth int) error {
	at := len(p.nodes)
	p.nodes = append(p.nodes, node{})
	return p.fill(at, depth)
}

// fill reads the value at the cursor into the node already made for it.
func (p *parser) fill(at, depth int) (err error) {
	c := p.peek()
	start := p.pos
	kind := kindNull
	switch {
	case depth > maxDepth:
		return errJSON
	case c == '"':
		return p.string(at)
	case c == '{':
		kind, err = kindObject, p.object(depth)
	case c == '[':
		kind, err = kindArray, p.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		kind, err = p.number()
	default:
		kind, err = p.word(c)
	}
	n := &p.nodes[at]
	n.kind, n.start, n.end, n.next = kind, int32(start), int32(p.pos), int32(len(p.nodes))
	return err
}

func (p *parser) object(depth int) error {
	p.pos++
	if p.take('}') {
		return nil
	}
	for {
		if err := p.member(depth); err != nil {
			return err
		}
		if p.take('}') {
			return nil
		}
		if !p.take(',') {
			return errJSON
		}
	}
}

func (p *parser) member(depth int) error {
	if p.peek() != '"' {
		return errJSON
	}
	start, end, escaped, err := p.quoted()
	if err != nil || !p.take(':') {
		return errJSON
	}
	at := len(p.nodes)
	p.nodes = append(p.nodes, node{keyStart: int32(start), keyEnd: int32(end), keyEscaped: escaped})
	return p.fill(at, depth+1)
}

func (p *parser) array(depth int) error {
	p.pos++
	if p.take(']') {
		return nil
	}
	for {
		if err := p.value(depth + 1); err != nil {
			return err
		}
		if p.take(']') {
			return nil
		}
		if !p.take(',') {
			return errJSON
		}
	}
}

func (p *parser) string(at int) error {
	start, end, escaped, err := p.quoted()
	n := &p.nodes[at]
	n.kind, n.start, n.end, n.escaped, n.next = kindString, int32(start), int32(end), escaped, int32(at+1)
	return err
}
