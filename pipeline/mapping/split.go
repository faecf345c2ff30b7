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

// Parameter takes a query parameter out of a URL; nil where the URL has none. The text lives until the next Begin. It goes from one & to the
// next and looks at nothing but the name: most URLs do not have it.
func (r *Row) Parameter(url []byte, name string) []byte {
	for at := bytes.IndexByte(url, '?') + 1; at > 0; {
		rest := url[at:]
		if len(rest) >= len(name) && string(rest[:len(name)]) == name {
			if value, ok := parameterValue(rest[len(name):]); ok && bytes.IndexByte(url[:at], '#') < 0 { // a fragment has no parameters
				return r.Unescape(value)
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

// Unescape undoes the encoding of a query's values.
func (r *Row) Unescape(value []byte) []byte {
	if bytes.IndexByte(value, '%') < 0 && bytes.IndexByte(value, '+') < 0 {
		return value
	}
	start := len(r.scratch)
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '+':
			c = ' '
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
