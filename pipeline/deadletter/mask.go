package deadletter

import (
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Mask shows the shape of a text and none of its letters and digits: "Ada+1@example.com" is "Xxx+9@xxxxxxx.xxx". That is
// mostly enough to see why a value was refused, and not personal data.
func Mask(text string) string {
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n == maskedRunes {
			b.WriteString("… (" + strconv.Itoa(len(text)) + " bytes)")
			break
		}
		b.WriteRune(maskRune(r))
	}
	return b.String()
}

const maskedRunes = 80

func maskRune(r rune) rune {
	switch {
	case unicode.IsDigit(r), unicode.IsNumber(r):
		return '9'
	case unicode.IsUpper(r):
		return 'X'
	case unicode.IsLetter(r), unicode.IsMark(r):
		return 'x'
	case r < unicode.MaxASCII && unicode.IsPrint(r):
		return r
	case unicode.IsSpace(r), unicode.IsControl(r):
		return ' '
	}
	return '?' // an emoji may be a name too
}

// show is a value for a person: in clear, or its shape.
func show(v pipeline.Value, reveal bool) string {
	switch v.Kind() {
	case pipeline.Null, pipeline.Missing:
		return "NULL"
	case pipeline.Unavailable:
		return "(not read from the database)"
	case pipeline.Bool:
		return v.Text()
	case pipeline.Bytes:
		if !reveal {
			return "(" + strconv.Itoa(len(v.Bytes())) + " bytes)"
		}
	case pipeline.List, pipeline.Struct:
		text := compound(v)
		if !reveal {
			text = Mask(text)
		}
		return text
	}
	if reveal {
		return printable(v.Text())
	}
	return Mask(v.Text())
}

// compound writes a list or record as JSON.
func compound(v pipeline.Value) string {
	switch v.Kind() {
	case pipeline.Null, pipeline.Missing, pipeline.Unavailable:
		return "null"
	case pipeline.List:
		parts := make([]string, len(v.Elems()))
		for i, e := range v.Elems() {
			parts[i] = compound(e)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case pipeline.Struct:
		parts := make([]string, len(v.Elems()))
		for i, e := range v.Elems() {
			parts[i] = quoted(v.Names()[i]) + ": " + compound(e)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case pipeline.Bool, pipeline.Int, pipeline.Float, pipeline.Float32, pipeline.Decimal, pipeline.JSON:
		return v.Text()
	}
	return quoted(v.Text())
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string always encodes
	return string(b)
}

// printable keeps a value from moving the terminal's cursor, or worse.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
