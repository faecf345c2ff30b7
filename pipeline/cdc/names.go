package cdc

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// matcher finds a column by the name the configuration uses: the name itself, then (if asked for) whatever its case, then
// as Debezium writes a name that Avro does not allow, or that its avro_unicode mode writes otherwise.
type matcher struct{ fold bool }

// find returns the index of the field, -1 without one.
func (m matcher) find(fields []field, name string) int {
	if i := indexOf(fields, name, false); i >= 0 {
		return i
	}
	if i := indexOf(fields, name, true); m.fold && i >= 0 {
		return i
	}
	if i := indexOf(fields, avroUnicode(name), m.fold); i >= 0 {
		return i
	}
	if !isLegal(name) && name != "" {
		return indexOf(fields, legalName(name), m.fold)
	}
	return -1
}

func indexOf(fields []field, name string, fold bool) int {
	for i := range fields {
		if fields[i].name == name || fold && strings.EqualFold(fields[i].name, name) {
			return i
		}
	}
	return -1
}

// avroUnicode encodes a name as Debezium's avro_unicode mode does: every character Avro does not allow, and the
// underscore itself, as _u and its code. Codes of one or two digits get two zeros, no others.
func avroUnicode(name string) string {
	var b strings.Builder
	for i, c := range utf16.Encode([]rune(name)) {
		letter := c < 128 && isLegal("_"+string(rune(c))) && c != '_' && (i > 0 || c < '0' || c > '9')
		if letter {
			b.WriteByte(byte(c))
			continue
		}
		code := strconv.FormatUint(uint64(c), 16)
		if len(code) <= 2 {
			code = "00" + code
		}
		b.WriteString("_u" + code)
	}
	return b.String()
}
