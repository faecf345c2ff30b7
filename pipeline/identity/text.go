package identity

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// invisible says that a reader of the column would not see the character: white space, no-break and zero-width spaces,
// byte order and direction marks (phone numbers copied from contacts have them), and the zero bytes that pad fixed
// columns. None belongs to an identifier.
func invisible(r rune) bool {
	return unicode.IsSpace(r) || r == 0 || unicode.Is(unicode.Cf, r)
}

// trim cuts what is invisible off both ends.
func trim(text []byte) []byte {
	if n := len(text); n > 0 && visibleASCII(text[0]) && visibleASCII(text[n-1]) {
		return text
	}
	return bytes.TrimFunc(text, invisible)
}

// isUTF8 is utf8.Valid, without a step per byte for ASCII.
func isUTF8(text []byte) bool {
	if len(text) < 8 {
		return utf8.Valid(text)
	}
	seen := binary.NativeEndian.Uint64(text[len(text)-8:])
	for i := 0; i+8 < len(text); i += 8 {
		seen |= binary.NativeEndian.Uint64(text[i:])
	}
	return seen&0x8080808080808080 == 0 || utf8.Valid(text)
}

func visibleASCII(c byte) bool { return ' ' < c && c < 0x7f }

// appendLower appends the text in lower case, rune by rune: the mapping JavaScript's toLowerCase has but for a handful of
// letters. The result may be longer in bytes than the text.
func appendLower(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
		text = text[size:]
	}
	return dst
}

// appendLowerWithout does the same and leaves out the runes that drop names.
func appendLowerWithout(dst, text []byte, drop func(rune) bool) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if !drop(r) {
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
		text = text[size:]
	}
	return dst
}
