package mapping

import (
	"bytes"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
)

// looksLikeList reports whether a text is in the brackets of a list: JSON's, PostgreSQL's {a,b}, or what Java and Python print. One
// that was cut off still has its bracket and a comma. A placeholder is not one, and neither is a GUID in braces.
func looksLikeList(text []byte) bool {
	if len(text) < 2 || text[0] != '[' && text[0] != '{' || !isClosed(text) && bytes.IndexByte(text, ',') < 0 {
		return false
	}
	return !identity.IsPlaceholder(text) && !isGUID(text)
}

func isClosed(text []byte) bool {
	last := text[len(text)-1]
	return text[0] == '[' && last == ']' || text[0] == '{' && last == '}'
}

// isGUID wants {8-4-4-4-12}.
func isGUID(text []byte) bool {
	if len(text) != len("{00000000-0000-0000-0000-000000000000}") {
		return false
	}
	for i, c := range text[1 : len(text)-1] {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !isHex(c) {
			return false
		}
	}
	return true
}

// elements appends the elements of a list that is not JSON; false where it cannot be one. Elements are apart by commas, may be in
// either quotes, and hold no brackets outside them. NULL is PostgreSQL's.
func elements(text []byte, dst []pipeline.Value) ([]pipeline.Value, bool) {
	if !isClosed(text) {
		return dst, false
	}
	rest := Trim(text[1 : len(text)-1])
	for len(rest) > 0 {
		element, after, ok := nextElement(rest)
		if !ok || len(after) > 0 && after[0] != ',' {
			return dst, false
		}
		if len(element) > 0 && string(element) != "NULL" {
			dst = append(dst, pipeline.StringValue(element))
		}
		rest = Trim(bytes.TrimPrefix(after, []byte{','}))
	}
	return dst, true
}

// nextElement cuts the first element off; a backslash may mean several things.
func nextElement(rest []byte) (element, after []byte, ok bool) {
	if quote := rest[0]; quote == '"' || quote == '\'' {
		end := bytes.IndexByte(rest[1:], quote)
		if end < 0 || bytes.IndexByte(rest[1:1+end], '\\') >= 0 {
			return nil, nil, false
		}
		return Trim(rest[1 : 1+end]), Trim(rest[2+end:]), true
	}
	end := bytes.IndexByte(rest, ',')
	if end < 0 {
		end = len(rest)
	}
	return Trim(rest[:end]), rest[end:], !bytes.ContainsAny(rest[:end], "[]{}\"")
}
