package identity

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxEmail is the longest address that mail can be sent to, in bytes.
const maxEmail = 254

// Email normalises, checks and hashes e-mail addresses. The zero Email has the rules for events: trim and lower-case.
// Whatever is left must be one address: a local part, an @, and a domain with a dot.
type Email struct {
	Mode         Mode
	RemoveSpaces bool // audiences: white space goes wherever it is
	StripPlusTag bool // drop + and what follows up to the @
	StripDots    bool // drop dots in the local part, whatever the domain
}

// Hash hashes one address. See the package comment for the outcomes.
func (e Email) Hash(clear []byte) (h Hash, err error) {
	text, err := gate{algorithm: SHA256, mode: e.Mode}.admit(clear, &h)
	if text == nil {
		return h, err
	}
	var buf [maxEmail + utf8.UTFMax]byte
	address, err := e.normalise(buf[:0], text)
	if err == nil {
		h.fill(SHA256, address)
	}
	return h, err
}

func (e Email) normalise(dst, text []byte) ([]byte, error) {
	dst, err := e.lower(dst, text)
	if err != nil {
		return nil, err
	}
	at := bytes.IndexByte(dst, '@')
	if at < 0 || bytes.IndexByte(dst[at+1:], '@') >= 0 {
		return nil, RuleNotAnEmail
	}
	domain := dst[at:]
	local := e.strip(dst[:at])
	if len(local) == 0 || !isDomain(domain[1:]) {
		return nil, RuleNotAnEmail
	}
	if len(local) == at {
		return dst, nil
	}
	return append(local, domain...), nil
}

// lower appends the address in lower case and refuses characters that no address has.
func (e Email) lower(dst, text []byte) ([]byte, error) {
	for i, c := range text {
		lower := emailByte[c]
		if lower == 0 || len(dst) == maxEmail {
			return e.lowerRunes(dst, text[i:])
		}
		dst = append(dst, lower)
	}
	return dst, nil
}

func (e Email) lowerRunes(dst, text []byte) ([]byte, error) {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if e.RemoveSpaces && invisible(r) {
			continue
		}
		if !mayStandInEmail(r) {
			return nil, RuleNotAnEmail
		}
		if dst = utf8.AppendRune(dst, unicode.ToLower(r)); len(dst) > maxEmail {
			return nil, RuleTooLong
		}
	}
	return dst, nil
}

// mayStandInEmail leaves out quoting and comments too: what they would allow is never a person's address in a table, but
// a display name, a list, or the quotes of a broken export. U+FFFD is where another encoding was lost.
func mayStandInEmail(r rune) bool {
	if r < utf8.RuneSelf {
		return visibleASCII(byte(r)) && strings.IndexByte(`"(),:;<>[\]`, byte(r)) < 0
	}
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != utf8.RuneError
}

// emailByte is the fast way for ASCII: a byte's lower case, or 0 where a closer look is due.
var emailByte = func() (lower [256]byte) {
	for r := range rune(utf8.RuneSelf) {
		if mayStandInEmail(r) {
			lower[r] = byte(unicode.ToLower(r))
		}
	}
	return lower
}()

// strip applies the options to the local part, in place.
func (e Email) strip(local []byte) []byte {
	if plus := bytes.IndexByte(local, '+'); e.StripPlusTag && plus >= 0 {
		local = local[:plus]
	}
	if !e.StripDots {
		return local
	}
	kept := local[:0]
	for _, c := range local {
		if c != '.' {
			kept = append(kept, c)
		}
	}
	return kept
}

// isDomain wants two labels or more. The last is not a number, or it would be an IP address.
func isDomain(domain []byte) bool {
	last, start := byte('.'), 0 // the character before, and where the label begins
	for i, c := range domain {
		switch {
		case c == '.':
			if last == '.' || last == '-' {
				return false
			}
			start = i + 1
		case c == '-':
			if last == '.' {
				return false
			}
		case c < utf8.RuneSelf && !isDigit(c) && !('a' <= c && c <= 'z'):
			return false
		}
		last = c
	}
	label := domain[start:]
	return start > 0 && len(label) > 1 && last != '-' && !allDigits(label)
}

func allDigits(text []byte) bool {
	for _, c := range text {
		if !isDigit(c) {
			return false
		}
	}
	return true
}
