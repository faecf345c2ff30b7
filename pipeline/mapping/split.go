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

// Parameter takes a query parameter out of a URL; Null where the URL has none. The value lives until the next Begin.
func (r *Row) Parameter(v pipeline.Value, name string) pipeline.Value {
	url, _, _ := bytes.Cut(r.Text(v), []byte{'#'})
	_, query, more := bytes.Cut(url, []byte{'?'})
	for more {
		var pair []byte
		pair, query, more = bytes.Cut(query, []byte{'&'})
		if key, value, _ := bytes.Cut(pair, []byte{'='}); string(key) == name {
			return pipeline.StringValue(r.Unescape(value))
		}
	}
	return pipeline.NullValue()
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
