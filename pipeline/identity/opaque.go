package identity

import "unicode"

// maxOpaque bounds identifiers that have no form of their own. TikTok names no limit; longer text is not an identifier.
const maxOpaque = 1024

// ExternalID hashes the company's own id of a person. It is only trimmed: it must equal what the browser pixel hashes.
type ExternalID struct {
	Mode      Mode
	Lowercase bool
}

// Hash hashes one id. See the package comment for the outcomes.
func (x ExternalID) Hash(clear []byte) (h Hash, err error) {
	text, err := gate{algorithm: SHA256, mode: x.Mode, opaque: true}.admit(clear, &h)
	switch {
	case text == nil:
		return h, err
	case len(text) > maxOpaque:
		return h, RuleTooLong
	case !x.Lowercase:
		h.fill(SHA256, text)
		return h, nil
	}
	var buf [128]byte
	h.fill(SHA256, appendLower(buf[:0], text))
	return h, nil
}

// Name hashes a first or last name: without white space, in lower case.
type Name struct{ Mode Mode }

// Hash hashes one name. See the package comment for the outcomes.
func (n Name) Hash(clear []byte) (Hash, error) {
	return hashWithout(gate{algorithm: SHA256, mode: n.Mode, opaque: true, name: true}, clear, invisible)
}

// ZipCode hashes a postal code: without white space and dashes, in lower case.
type ZipCode struct{ Mode Mode }

// Hash hashes one code. See the package comment for the outcomes.
func (z ZipCode) Hash(clear []byte) (Hash, error) {
	return hashWithout(gate{algorithm: SHA256, mode: z.Mode, opaque: true}, clear, blankOrDash)
}

func blankOrDash(r rune) bool { return invisible(r) || unicode.Is(unicode.Pd, r) }

func hashWithout(g gate, clear []byte, drop func(rune) bool) (h Hash, err error) {
	text, err := g.admit(clear, &h)
	if text == nil {
		return h, err
	}
	if len(text) > maxOpaque {
		return h, RuleTooLong
	}
	var buf [128]byte
	kept := appendLowerWithout(buf[:0], text, drop)
	if len(kept) == 0 {
		return h, RulePlaceholder
	}
	h.fill(g.algorithm, kept)
	return h, nil
}
