package identity

import "unicode/utf8"

// Place normalises city, state and country, which TikTok takes in clear: lower case, and of that only a to z and 0 to 9.
// It is the one kind that does not hash.
type Place struct{}

// Append appends the place. What has no such letter at all, a name in another script, is left out like an empty one:
// nothing is appended and there is no error. A placeholder is refused.
func (Place) Append(dst, clear []byte) ([]byte, error) {
	text := trim(clear)
	switch {
	case !utf8.Valid(text):
		return dst, RuleInvalidUTF8
	case len(text) > maxOpaque:
		return dst, RuleTooLong
	case isPlaceholder(text, false):
		return dst, RulePlaceholder
	}
	for _, c := range text {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if isDigit(c) || 'a' <= c && c <= 'z' {
			dst = append(dst, c)
		}
	}
	return dst, nil
}
