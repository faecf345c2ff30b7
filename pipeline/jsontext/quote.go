package jsontext

import (
	"encoding/binary"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special reports whether any of eight bytes needs a look: a control character, a quote, a backslash, or no ASCII.
func special(w uint64) bool {
	control := w - ones*0x20
	quote := (w ^ ones*'"') - ones
	slash := (w ^ ones*'\\') - ones
	return (control|quote|slash|w)&highs != 0
}

// PlainUntil is how many bytes at the start need no look.
func PlainUntil(s []byte) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if special(binary.LittleEndian.Uint64(s[i:])) {
			break
		}
	}
	if left := len(s) - i; left < 8 && len(s) >= 8 && !special(binary.LittleEndian.Uint64(s[len(s)-8:])) {
		return len(s) // a step per byte of the rest is one the processor guesses wrong
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}

// AppendString appends the text as a JSON string, as encoding/json does without HTML escapes. Text that is not UTF-8
// must be refused before.
func AppendString(dst, s []byte) []byte {
	dst = append(dst, '"')
	for {
		n := PlainUntil(s)
		dst = append(dst, s[:n]...)
		if s = s[n:]; len(s) == 0 {
			return append(dst, '"')
		}
		dst, n = appendSpecial(dst, s)
		s = s[n:]
	}
}

const hexDigits = "0123456789abcdef"

// appendSpecial appends the character at the start of s and says how many bytes it took.
func appendSpecial(dst, s []byte) ([]byte, int) {
	switch c := s[0]; c {
	case '"', '\\':
		return append(dst, '\\', c), 1
	case '\b':
		return append(dst, '\\', 'b'), 1
	case '\f':
		return append(dst, '\\', 'f'), 1
	case '\n':
		return append(dst, '\\', 'n'), 1
	case '\r':
		return append(dst, '\\', 'r'), 1
	case '\t':
		return append(dst, '\\', 't'), 1
	default:
		if c < 0x20 {
			return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15]), 1
		}
	}
	r, n := utf8.DecodeRune(s)
	if r == '\u2028' || r == '\u2029' {
		return append(dst, '\\', 'u', '2', '0', '2', hexDigits[r&15]), n
	}
	return append(dst, s[:n]...), n
}
