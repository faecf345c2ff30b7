package jsontext

import "errors"

// Limits bound what is read of a text that may be hostile.
type Limits struct{ Depth, Nodes int }

var (
	errText    = errors.New("the text is not valid JSON")
	ErrDepth   = errors.New("the JSON is nested too deeply")
	ErrNodes   = errors.New("the JSON has too many values")
	errLeft    = errors.New("text is left over behind the JSON value")
	ErrTooLong = errors.New("the JSON text is too long")
)

// scanner reads JSON from left to right, in place. Where it collects, it keeps a node of every value.
type scanner struct {
	text    []byte
	pos     int
	max     Limits
	collect bool
	nodes   []Node
	escaped bool // the string read last has escapes
}

// peek is the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.text); s.pos++ {
		if c := s.text[s.pos]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// isOver reports whether nothing but white space is left.
func (s *scanner) isOver() bool { return s.peek() == 0 && s.pos == len(s.text) }

// value reads one value.
func (s *scanner) value(depth int) error {
	c, at := s.peek(), len(s.nodes)
	switch {
	case s.pos >= len(s.text):
		return errText
	case depth > s.max.Depth:
		return ErrDepth
	case !s.collect:
		_, err := s.body(c, depth)
		return err
	case at >= s.max.Nodes:
		return ErrNodes
	}
	start := s.pos
	s.nodes = append(s.nodes, Node{})
	kind, err := s.body(c, depth)
	n := Node{Kind: kind, start: int32(start), end: int32(s.pos), Next: int32(len(s.nodes))}
	if kind == String {
		n.start, n.end, n.escaped = n.start+1, n.end-1, s.escaped
	}
	s.nodes[at] = n
	return err
}

func (s *scanner) body(c byte, depth int) (Kind, error) {
	switch c {
	case '{':
		return Object, s.items(depth+1, '}')
	case '[':
		return Array, s.items(depth+1, ']')
	case '"':
		return String, s.quoted()
	case 't':
		return True, s.word("true")
	case 'f':
		return False, s.word("false")
	case 'n':
		return Null, s.word("null")
	}
	return Number, s.number()
}

// items reads an array or object from its opening bracket to the other.
func (s *scanner) items(depth int, end byte) error {
	s.pos++
	if s.take(end) {
		return nil
	}
	for {
		if end == '}' {
			if err := s.name(depth); err != nil {
				return err
			}
		}
		if err := s.value(depth); err != nil {
			return err
		}
		if s.take(end) {
			return nil
		}
		if !s.take(',') {
			return errText
		}
	}
}

func (s *scanner) name(depth int) error {
	if s.peek() != '"' {
		return errText
	}
	if err := s.value(depth); err != nil {
		return err
	}
	if !s.take(':') {
		return errText
	}
	return nil
}

func (s *scanner) word(word string) error {
	if len(s.text)-s.pos < len(word) || string(s.text[s.pos:s.pos+len(word)]) != word {
		return errText
	}
	s.pos += len(word)
	return nil
}

func (s *scanner) quoted() error {
	s.escaped = false
	for i := s.pos + 1; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.pos = i + 1
			return nil
		case c < ' ':
			return errText
		case c == '\\':
			_, width := escape(s.text[i:])
			if width == 0 {
				return errText
			}
			s.escaped, i = true, i+width-1
		}
	}
	return errText
}

// number reads a number as JSON writes it: no leading zero, no bare point.
func (s *scanner) number() error {
	s.skip('-')
	whole := s.pos
	if !s.digits() || s.text[whole] == '0' && s.pos > whole+1 {
		return errText
	}
	if s.skip('.') && !s.digits() {
		return errText
	}
	if s.skip('e') || s.skip('E') {
		_ = s.skip('+') || s.skip('-')
		if !s.digits() {
			return errText
		}
	}
	return nil
}

func (s *scanner) skip(c byte) bool {
	if s.pos == len(s.text) || s.text[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.text) && '0' <= s.text[s.pos] && s.text[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
