package identity

import "unicode"

// maxOpaque bounds identifiers that have no form of their own. TikTok names no limit; longer text is no identifier.
const maxOpaque = 1024

// ExternalID hashes the company's own id of a person. It is only trimmed: it must equal what the browser pixel hashes.
type ExternalID struct {
	Mode      Mode
	Lowercase bool
}

// Hash hashes one id. See the package comment for the outcomes.
func (x ExternalID) Hash(clear []byte) (Hash, error) {
	text, settled, err := gate{algorithm: SHA256, mode: x.Mode, opaque: true}.admit(clear)
	if text == nil {
		return settled, err
	}
	if len(text) > maxOpaque {
		return Hash{}, RuleTooLong
	}
	if !x.Lowercase {
		return hashOf(SHA256, text), nil
	}
	var buf [128]byte
	return hashOf(SHA256, appendLower(buf[:0], text)), nil
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

func hashWithout(g gate, clear []byte, drop func(rune) bool) (Hash, error) {
	text, settled, err := g.admit(clear)
	if text == nil {
		return settled, err
	}
	if len(text) > maxOpaque {
		return Hash{}, RuleTooLong
	}
	var buf [128]byte
	kept := appendLowerWithout(buf[:0], text, drop)
	if len(kept) == 0 {
		return Hash{}, RulePlaceholder
	}
	return hashOf(g.algorithm, kept), nil
}
