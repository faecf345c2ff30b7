package mapping

// maxJSONDepth bounds the recursion of the scanner; a product list has three levels.
const maxJSONDepth = 100

// scanner walks JSON text in place: it never copies but for strings with escapes.
type scanner struct {
	src []byte
	pos int
}

func (s *scanner) space() {
	for s.pos < len(s.src) && (s.src[s.pos] == ' ' || s.src[s.pos] == '\t' || s.src[s.pos] == '\n' || s.src[s.pos] == '\r') {
		s.pos++
	}
}

// peek is the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos == len(s.src) {
		return 0
	}
	return s.src[s.pos]
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// value skips one value and returns its text; nil if it is not well-formed.
func (s *scanner) value(depth int) []byte {
	if depth > maxJSONDepth {
		return nil
	}
	c := s.peek()
	start, ok := s.pos, false
	switch c {
	case '{':
		ok = s.object(depth)
	case '[':
		ok = s.array(depth)
	case '"':
		ok = s.skipString()
	case 't':
		ok = s.word("true")
	case 'f':
		ok = s.word("false")
	case 'n':
		ok = s.word("null")
	default:
		ok = s.number()
	}
	if !ok {
		return nil
	}
	return s.src[start:s.pos]
}

func (s *scanner) word(w string) bool {
	if len(s.src)-s.pos < len(w) || string(s.src[s.pos:s.pos+len(w)]) != w {
		return false
	}
	s.pos += len(w)
	return true
}

func (s *scanner) object(depth int) bool {
	s.pos++
	if s.take('}') {
		return true
	}
	for {
		if s.peek() != '"' || !s.skipString() || !s.take(':') || s.value(depth+1) == nil {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *scanner) array(depth int) bool {
	s.pos++
	if s.take(']') {
		return true
	}
	for {
		if s.value(depth+1) == nil {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *scanner) skipString() bool {
	for i := s.pos + 1; i < len(s.src); i++ {
		switch c := s.src[i]; {
		case c == '"':
			s.pos = i + 1
			return true
		case c == '\\':
			n := escapeLength(s.src[i:])
			if n == 0 {
				return false
			}
			i += n - 1
		case c < 0x20:
			return false
		}
	}
	return false
}

// escapeLength is how long the escape is that the text starts with, 0 if it is none.
func escapeLength(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}

func (s *scanner) number() bool {
	s.one('-')
	switch {
	case s.one('0'):
	case !s.digits():
		return false
	}
	if s.one('.') && !s.digits() {
		return false
	}
	if s.one('e') || s.one('E') {
		_ = s.one('+') || s.one('-')
		return s.digits()
	}
	return true
}

func (s *scanner) one(c byte) bool {
	if s.pos < len(s.src) && s.src[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.src) && isDigit(s.src[s.pos]) {
		s.pos++
	}
	return s.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
