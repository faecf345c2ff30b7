package jsontext

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Unescape appends a string that is written between quotes. It reports false where half of a surrogate pair was replaced: such
// a string is not valid text.
func Unescape(to, raw []byte) (text []byte, valid bool) {
	valid = true
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			to = append(to, raw[i])
			i++
			continue
		}
		r, width := escape(raw[i:])
		i += max(width, 1)
		if utf16.IsSurrogate(r) {
			low, n := escape(raw[i:])
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += n
			}
			valid = valid && r != utf8.RuneError
		}
		to = utf8.AppendRune(to, r)
	}
	return to, valid
}

// escape is the character of the escape at the start of text, half of a pair among them, and its length, 0 where there is none.
func escape(text []byte) (r rune, width int) {
	if len(text) < 2 || text[0] != '\\' {
		return 0, 0
	}
	switch c := text[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
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
		return hex4(text[2:])
	}
	return 0, 0
}

// hex4 reads the digits of \uXXXX.
func hex4(digits []byte) (r rune, width int) {
	if len(digits) < 4 {
		return 0, 0
	}
	for _, c := range digits[:4] {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, 0
		}
	}
	return r, 6
}
