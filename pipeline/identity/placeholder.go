package identity

import (
	"bytes"
	"unicode"
)

// placeholders are what programs write when they mean that there is no value, in the spellings they use. People are
// called Null and Nan, which is why names compare exactly and other identifiers without regard to case.
var placeholders = []string{
	"null", "NULL", "(null)", "<null>", "nil", "undefined", "none", "None", "NONE", "nan", "NaN", "NAN", "n/a", "N/A",
	"#N/A", `\N`, "-", "--", "0", "[object Object]", "__debezium_unavailable_value",
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
	if len(text) >= len(placeholdersOfLength) || len(text) == 0 || !placeholderStart[text[0]] {
		return false
	}
	for _, p := range placeholdersOfLength[len(text)] {
		if string(text) == p || !exact && bytes.EqualFold(text, []byte(p)) {
			return true
		}
	}
	return false
}
