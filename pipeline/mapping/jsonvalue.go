package mapping

import (
	"unicode/utf16"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline"
)

// wholeJSON trims the text and reports whether it is one well-formed value.
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

// unescape gives the text of a JSON string without its quotes. A lone surrogate is not text.
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
