package identity

import (
	"encoding/hex"
	"slices"
)

// gate is what every kind asks before it normalises.
type gate struct {
	algorithm Algorithm
	mode      Mode
	// opaque kinds may well look like a digest of another length: an id that is a UUID without dashes, say.
	opaque bool
	// name compares placeholders exactly.
	name bool
}

// admit settles what needs no normalising: it returns trimmed clear text to go on with, or no text and the outcome, whose
// hash it puts into settled.
func (g gate) admit(clear []byte, settled *Hash) (text []byte, err error) {
	text = trim(clear)
	switch {
	case len(text) == 0:
		return nil, nil
	case !isUTF8(text):
		return nil, RuleInvalidUTF8
	case g.isDigest(text):
		*settled, err = g.passDigest(text)
		return nil, err
	case isPlaceholder(text, g.name):
		return nil, RulePlaceholder
	case g.mode == Hashed:
		return nil, RuleNotHashed
	}
	return text, nil
}

func (g gate) isDigest(text []byte) bool {
	ours := len(text) == hex.EncodedLen(g.algorithm.Size())
	return (ours || !g.opaque || g.mode == Hashed) && isSomeDigest(text)
}

func (g gate) passDigest(text []byte) (Hash, error) {
	if g.mode == Raw {
		return Hash{}, RuleAlreadyHashed
	}
	return ParseHash(g.algorithm, text)
}

// digestLengths are those of MD5, SHA-1, SHA-256, SHA-384 and SHA-512 in hexadecimal digits.
var digestLengths = []int{32, 40, 64, 96, 128}

func isSomeDigest(text []byte) bool {
	return slices.Contains(digestLengths, len(text)) && allHex(text)
}

func allHex(text []byte) bool {
	for _, c := range text {
		if !isHex(c) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
