package identity

import (
	"bytes"
	"unicode"
)

// placeholders are what programs write when they mean that there is no value, in the spellings they use. People are
// called Null and Nan, which is why names compare exactly and other values without regard to case. It is the one list:
// every reader of an id, a code or a name asks IsPlaceholder. docs/configuration has it; a test keeps the two equal.
var placeholders = []string{
	"null", "NULL", "(null)", "<null>", "nil", "undefined", "Undefined", "UNDEFINED", "none", "None", "NONE", "(none)",
	"nan", "NaN", "NAN", "n/a", "N/A", "#N/A", `\N`, "-", "--", "0", "false", "unknown", "Unknown", "UNKNOWN", "(unknown)",
	"(not set)", "(not provided)", "[object Object]", "__debezium_unavailable_value",
}

// macros are the signs around a name that a tool should have replaced by a value: __CLICKID__, {{ttclid}}, ${x}, %%ID%%.
var macros = []struct{ open, close string }{{"__", "__"}, {"{{", "}}"}, {"${", "}"}, {"%%", "%%"}}

// IsPlaceholder reports whether a trimmed text says only that there is no value: a placeholder, or a macro never filled in.
func IsPlaceholder(text []byte) bool { return isPlaceholder(text, false) }

func isMacro(text []byte) bool {
	for _, m := range macros {
		name, opened := bytes.CutPrefix(text, []byte(m.open))
		name, closed := bytes.CutSuffix(name, []byte(m.close))
		if !opened || !closed || len(name) == 0 {
			continue
		}
		if m.open == "__" {
			return isMacroName(name)
		}
		return bytes.IndexByte(name, m.close[0]) < 0
	}
	return false
}

// isMacroName wants the letters of __CLICKID__: ids may well begin and end with two underscores.
func isMacroName(name []byte) bool {
	for _, c := range name {
		if c != '_' && !isDigit(c) && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

const zeroDevice = "00000000-0000-0000-0000-000000000000"

// matchesNobody are the digests of the placeholders, of empty and blank text, of a device id of zeros, and the digest
// of zeros that some tools write for NULL.
var matchesNobody = func() map[Hash]bool {
	nobody := map[Hash]bool{newHash(SHA256, nil): true, newHash(MD5, nil): true}
	for _, text := range append([]string{"", " ", "\n", zeroDevice}, placeholders...) {
		nobody[hashOf(SHA256, []byte(text))] = true
		nobody[hashOf(MD5, []byte(text))] = true
	}
	return nobody
}()

// placeholderStart holds what placeholders start with, in either case: most values end here.
var placeholderStart = func() (starts [256]bool) {
	for _, m := range macros {
		starts[m.open[0]] = true
	}
	for _, p := range placeholders {
		starts[unicode.ToLower(rune(p[0]))], starts[unicode.ToUpper(rune(p[0]))] = true, true
	}
	return starts
}()

// placeholdersOfLength is where the others are looked for: most lengths have none.
var placeholdersOfLength = func() (of [len("__debezium_unavailable_value") + 1][]string) {
	for _, p := range placeholders {
		of[len(p)] = append(of[len(p)], p)
	}
	return of
}()

func isPlaceholder(text []byte, exact bool) bool {
	if len(text) == 0 || !placeholderStart[text[0]] {
		return false
	}
	if isMacro(text) {
		return true
	}
	if len(text) >= len(placeholdersOfLength) {
		return false
	}
	for _, p := range placeholdersOfLength[len(text)] {
		if string(text) == p || !exact && bytes.EqualFold(text, []byte(p)) {
			return true
		}
	}
	return false
}
