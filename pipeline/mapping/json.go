package mapping

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline"
)

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

// wholeJSON trims the text and says whether it is one well-formed value.
func wholeJSON(text []byte) ([]byte, bool) {
	s := scanner{src: text}
	v := s.value(0)
	return v, v != nil && s.peek() == 0 && s.pos == len(text)
}

// scalarOf reads a JSON value: strings, numbers and words become Values of their kind, objects and arrays stay JSON.
// Unescaped text goes to the scratch, which the Value then aliases.
func scalarOf(raw []byte, scratch *[]byte) (pipeline.Value, bool) {
	switch raw[0] {
	case '{', '[':
		return pipeline.JSONValue(raw), true
	case '"':
		text, ok := unescape(raw[1:len(raw)-1], scratch)
		return pipeline.StringValue(text), ok
	case 't', 'f':
		return pipeline.BoolValue(raw[0] == 't'), true
	case 'n':
		return pipeline.NullValue(), true
	}
	return numberOf(raw), true
}

// numberOf keeps numbers exact: what fits neither an integer nor a decimal of 18 digits stays text.
func numberOf(raw []byte) pipeline.Value {
	var unscaled int64
	scale, digits, negative, fraction := int32(0), 0, false, false
	for _, c := range raw {
		switch {
		case c == '-':
			negative = true
		case c == '.':
			fraction = true
		case !isDigit(c) || digits == 18:
			return pipeline.StringValue(raw)
		default:
			unscaled, digits = unscaled*10+int64(c-'0'), digits+1
			if fraction {
				scale++
			}
		}
	}
	if negative {
		unscaled = -unscaled
	}
	if !fraction {
		return pipeline.IntValue(unscaled)
	}
	return pipeline.DecimalValue(unscaled, scale)
}

// unescape gives the text of a JSON string without its quotes. A lone surrogate is no text.
func unescape(raw []byte, scratch *[]byte) ([]byte, bool) {
	i := 0
	for i < len(raw) && raw[i] != '\\' {
		i++
	}
	if i == len(raw) {
		return raw, true
	}
	start := len(*scratch)
	out := append(*scratch, raw[:i]...)
	for i < len(raw) {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		r, n := escaped(raw[i:])
		if n == 0 {
			return nil, false
		}
		out, i = utf8.AppendRune(out, r), i+n
	}
	*scratch = out
	return out[start:], true
}

// escaped reads the escape that the text starts with and how long it is; 0 if it is none.
func escaped(s []byte) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unicodeEscape(s)
	}
	return 0, 0
}

func unicodeEscape(s []byte) (rune, int) {
	high, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(high) {
		return high, 6
	}
	low, ok := hex4(s[6:])
	r := utf16.DecodeRune(high, low)
	if !ok || r == utf8.RuneError {
		return 0, 0
	}
	return r, 12
}

// hex4 reads \uXXXX.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	r := rune(0)
	for _, c := range s[2:6] {
		if !isHex(c) {
			return 0, false
		}
		r = r<<4 | rune(unhex(c))
	}
	return r, true
}
