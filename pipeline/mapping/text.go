package mapping

import (
	"bytes"
	"unicode"
	"unsafe"

	"github.com/tokrelay/tokrelay/pipeline"
)

// alias is the text without a copy: it lives as long as the bytes stay as they are.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf is the way back, for text that is only read.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// Trim cuts white space and the zero bytes of padded columns off both ends.
func Trim(text []byte) []byte {
	if n := len(text); n == 0 || visible(text[0]) && visible(text[n-1]) {
		return text
	}
	return bytes.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == 0 || r == '\ufeff' })
}

func visible(c byte) bool { return ' ' < c && c < 0x7f }

// IsBlank says that there is nothing to send: no column, NULL, JSON null, text of white space, or binary of no bytes: a
// digest or an id may consist of bytes that would be white space in a text. An unavailable value is not blank: it is
// unknown.
func IsBlank(v pipeline.Value) bool {
	switch v.Kind() {
	case pipeline.Missing, pipeline.Null:
		return true
	case pipeline.Bytes:
		return len(v.Bytes()) == 0
	case pipeline.String:
		b := v.Bytes()
		return len(b) == 0 || !visible(b[0]) && len(Trim(b)) == 0
	case pipeline.JSON:
		text := Trim(v.Bytes())
		return len(text) == 0 || string(text) == "null"
	}
	return false
}
