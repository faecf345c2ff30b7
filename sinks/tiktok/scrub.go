package tiktok

import (
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	hidden     = "[redacted]"
	maxMessage = 500
	minDigits  = 7  // of a telephone number
	idDigits   = 19 // of an id of TikTok's own
	minHex     = 16 // of a digest or token
	minOpaque  = 24 // letters and digits mixed, of a token or click id
)

// Scrub makes a text of TikTok's fit for logs, headers and the page: what looks like an e-mail address, telephone number,
// address on the net, digest or token is replaced, and so is all that is in quotes, for such texts may repeat what was sent.
// Line breaks become spaces, and at most 500 bytes are left.
func Scrub(message string) string {
	message = strings.ToValidUTF8(message, "?")
	message = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, message)
	return cut(scrubWords(scrubQuotes(message)), maxMessage)
}

// scrubQuotes hides what is between quotes. An apostrophe inside a word opens nothing.
func scrubQuotes(s string) string {
	var b strings.Builder
	for {
		open := openingQuote(s)
		if open < 0 {
			break
		}
		end := strings.IndexByte(s[open+1:], s[open])
		if end < 0 {
			break
		}
		inner := hidden
		if text := s[open+1 : open+1+end]; text != "" && idLen(text) == len(text) {
			inner = text
		}
		b.WriteString(s[:open+1] + inner + s[open:open+1])
		s = s[open+1+end+1:]
	}
	return b.String() + s
}

func openingQuote(s string) int {
	for i := range len(s) {
		inWord := i > 0 && (isAlnum(s[i-1]) || s[i-1] == ')')
		if s[i] == '"' || s[i] == '`' || s[i] == '\'' && !inWord {
			return i
		}
	}
	return -1
}

// scrubWords hides what looks like personal data or a secret. A word ends at a space or a bracket; a run of words made
// of digits and signs, as telephone numbers are written, counts as one.
func scrubWords(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n, hide := idLen(s), false
		if n == 0 {
			n, hide = phoneRun(s), true
		}
		if n == 0 {
			n = wordLen(s)
			hide = telling(s[:n])
		}
		if n == 0 {
			_, n = utf8.DecodeRuneInString(s) // a separator
		}
		if hide {
			b.WriteString(hidden)
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// idLen is the length of an id of TikTok's own at the beginning: of an audience, an advertiser, a request. They are numbers of 19
// digits that begin with 6 or 7, which no telephone number and no digest is; without them nobody knows what a text is about.
func idLen(s string) int {
	digits := strings.TrimPrefix(s, "(")
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	if n != idDigits || digits[0] != '6' && digits[0] != '7' || n < len(digits) && isAlnum(digits[n]) {
		return 0
	}
	return n + len(s) - len(digits)
}

// phoneRun is the length of a run of digits and signs with as many digits as a telephone number has, or 0.
func phoneRun(s string) int {
	digits, end := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			digits, end = digits+1, i+1
		case strings.IndexByte("+-. ()/:", c) >= 0 && (i > 0 || c == '+' || c == '('):
		default:
			if isAlnum(c) && end == i { // digits that run into letters are another kind of word
				return 0
			}
			return runLen(digits, end)
		}
	}
	return runLen(digits, end)
}

func runLen(digits, end int) int {
	if digits < minDigits {
		return 0
	}
	return end
}

func wordLen(s string) int {
	i := strings.IndexAny(s, " ()[]{}<>,;=\"'`")
	if i < 0 {
		return len(s)
	}
	return i
}

// telling reports whether a word tells of a person or opens a door.
func telling(w string) bool {
	digits, hex, run, mixed := 0, 0, 0, false // lengths of the runs that end here
	for i := range len(w) {
		switch c := w[i]; {
		case c >= '0' && c <= '9':
			digits, hex, run, mixed = digits+1, hex+1, run+1, true
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			digits, hex, run = 0, hex+1, run+1
		case c == '-': // between the groups of a device's id
			digits, run, mixed = 0, 0, false
		case isAlnum(c):
			digits, hex, run = 0, 0, run+1
		default:
			digits, hex, run, mixed = 0, 0, 0, false
		}
		if w[i] == '@' || digits >= minDigits || hex >= minHex || run >= minOpaque && mixed {
			return true
		}
	}
	return isAddress(w)
}

// isAddress reports whether the word is an IP address, which of a person's device is personal data.
func isAddress(w string) bool {
	_, err := netip.ParseAddr(strings.Trim(w, ".:"))
	return err == nil
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= utf8.RuneSelf
}

// cut shortens a text to n bytes without cutting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
