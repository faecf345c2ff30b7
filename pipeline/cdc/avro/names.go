package avro

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Matcher finds a column by the name the configuration uses: the name itself, then (if asked for) whatever its case, then
// as Debezium writes a name that Avro does not allow, or that its avro_unicode mode writes otherwise.
type Matcher struct{ Fold bool }

// Find returns the index of the record's field, -1 without one. A field's own name is found at once: of a row whose columns
// are all wanted there are as many names as fields.
func (m Matcher) Find(record *Type, name string) int {
	if i, ok := record.index[name]; ok {
		return i
	}
	if m.Fold {
		if i := record.folded(name); i >= 0 {
			return i
		}
	}
	if i := m.is(record, avroUnicode(name)); i >= 0 {
		return i
	}
	if !isLegal(name) && name != "" {
		return m.is(record, legalName(name))
	}
	return -1
}

// is finds a field by a name as it is, or in any case of letters.
func (m Matcher) is(record *Type, name string) int {
	if i, ok := record.index[name]; ok {
		return i
	}
	if m.Fold {
		return record.folded(name)
	}
	return -1
}

func (t *Type) folded(name string) int {
	return slices.IndexFunc(t.Fields, func(f Field) bool { return strings.EqualFold(f.Name, name) })
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
