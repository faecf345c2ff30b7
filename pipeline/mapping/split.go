package mapping

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline"
)

// split takes a text apart at the separator.
func (g *Getter) split(v pipeline.Value, dst []pipeline.Value) []pipeline.Value {
	rest, more := v.Bytes(), true
	for more {
		var part []byte
		part, rest, more = bytes.Cut(rest, g.separator)
		if part = Trim(part); len(part) > 0 {
			dst = append(dst, pipeline.StringValue(part))
		}
	}
	return dst
}

// taken is a parameter that a getter took its value from, as the URL had it.
type taken struct {
	by  *Getter
	raw []byte
}

// parameterOf takes the field's parameter out of a URL.
func (g *Getter) parameterOf(r *Row, url []byte) pipeline.Value {
	raw := Parameter(url, g.parameter)
	if raw == nil {
		return pipeline.NullValue()
	}
	v := pipeline.StringValue(r.UnescapeQuery(raw))
	if to := g.replaced(r, v); g.names != nil && !bytes.Equal(to.Bytes(), v.Bytes()) {
		return to
	}
	r.taken = append(r.taken, taken{g, raw})
	return v
}

// TookFrom reports whether a parameter that the field's values in the row were taken from is one of these. What a parameter is shows in
// the URL alone: a + before a number is a blank in the value, and the value does not say what its name was. A nil Getter took nothing.
func (g *Getter) TookFrom(r *Row, is func(name, raw []byte) bool) bool {
	if g == nil || g.parameter == nil {
		return false
	}
	for _, t := range r.taken {
		if t.by == g && is(g.parameter, t.raw) {
			return true
		}
	}
	return false
}

// Parameter finds the value of a query parameter in a URL, as the URL has it; nil where there is none. It goes from one & to the next and
// looks at nothing but the name: most URLs do not have it.
func Parameter(url, name []byte) []byte {
	for at := bytes.IndexByte(url, '?') + 1; at > 0; {
		rest := url[at:]
		if len(rest) >= len(name) && bytes.Equal(rest[:len(name)], name) {
			if value, ok := parameterValue(rest[len(name):]); ok && bytes.IndexByte(url[:at], '#') < 0 { // a fragment has no parameters
				return value
			}
		}
		next := bytes.IndexByte(rest, '&')
		if next < 0 {
			break
		}
		at += next + 1
	}
	return nil
}

// parameterValue is what follows a parameter's name, up to the next one; not ok where the name goes on.
func parameterValue(rest []byte) (value []byte, ok bool) {
	for _, end := range [...]byte{'&', '#'} {
		if i := bytes.IndexByte(rest, end); i >= 0 {
			rest = rest[:i]
		}
	}
	if len(rest) == 0 {
		return []byte{}, true
	}
	return rest[1:], rest[0] == '='
}

// UnescapeQuery undoes the encoding of a query's values, where a + is a blank. The text lives until the next Begin.
func (r *Row) UnescapeQuery(value []byte) []byte {
	if bytes.IndexByte(value, '%') < 0 && bytes.IndexByte(value, '+') < 0 {
		return value
	}
	return r.unescape(value, ' ')
}

// Unescape undoes percent-encoding alone, as cookies have it. The text lives until the next Begin.
func (r *Row) Unescape(value []byte) []byte {
	if bytes.IndexByte(value, '%') < 0 {
		return value
	}
	return r.unescape(value, '+')
}

func (r *Row) unescape(value []byte, plus byte) []byte {
	start := len(r.scratch)
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '+':
			c = plus
		case c == '%' && i+2 < len(value) && isHex(value[i+1]) && isHex(value[i+2]):
			c = unhex(value[i+1])<<4 | unhex(value[i+2])
			i += 2
		}
		r.scratch = append(r.scratch, c)
	}
	return r.scratch[start:]
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
