package identity

import "unicode/utf8"

// Place normalises city, state and country, which TikTok takes in clear: lower case without accents, and of that only a to z and 0 to 9.
// It does not hash.
type Place struct {
	Country bool // what is not a country's code or name is left out
}

// Append appends the place. What has no such letter at all, a name in another script, is left out like an empty one:
// nothing is appended and there is no error. A placeholder is refused.
func (p Place) Append(dst, clear []byte) ([]byte, error) {
	text := trim(clear)
	switch {
	case !utf8.Valid(text):
		return dst, RuleInvalidUTF8
	case len(text) > maxOpaque:
		return dst, RuleTooLong
	case isPlaceholder(text, false):
		return dst, RulePlaceholder
	}
	if !p.Country {
		return foldPlace(dst, text), nil
	}
	if code, ok := codeOfCountry(text); ok {
		dst = append(dst, code[0]|0x20, code[1]|0x20)
	}
	return dst, nil
}
