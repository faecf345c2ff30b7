package identity

import "bytes"

// Redacted is what is sent in place of personal data.
const Redacted = "[redacted]"

// Redactor takes e-mail addresses and phone numbers out of texts that are sent in clear. It finds addresses as Email takes them, and
// numbers that cannot be anything else: behind a +, with a length their country has, or in a parameter that is named for them.
// Percent-encoding hides neither, however often it was applied. The zero Redactor is ready; it keeps buffers, and belongs to one goroutine.
type Redactor struct {
	out, plain []byte
}

// Text is the text without addresses and numbers, and whether there were any: the text itself where there were none, else one that
// lives until the next call. All of it goes where encoding hides one, or a parameter has it; a URL is read as URL does.
func (r *Redactor) Text(text []byte) (clean []byte, found bool) {
	if !suspicious(text) {
		return text, false
	}
	if scheme, rest, ok := r.cutScheme(text); ok {
		return r.url(text, scheme, rest)
	}
	return r.text(text)
}

func (r *Redactor) text(text []byte) (clean []byte, found bool) {
	r.out = r.out[:0]
	for rest := text; ; {
		start, end := firstClear(rest)
		if end == 0 {
			r.out = append(r.out, rest...)
			break
		}
		r.out = append(append(r.out, rest[:start]...), Redacted...)
		rest, found = rest[end:], true
	}
	if namesNumber(r.out) || r.hides(r.out) {
		return []byte(Redacted), true
	}
	if !found {
		return text, false
	}
	return r.out, true
}

// Holds reports whether there is an address or a number in the text.
func (r *Redactor) Holds(text []byte) bool {
	return suspicious(text) && (shows(text) || r.hides(text))
}

// HoldsParameter reports whether URL would mask a parameter of the query that has this name and, as the URL has it, this value.
func (r *Redactor) HoldsParameter(name, value []byte) bool {
	return r.Holds(value) || r.isPhoneName(name) && r.hasDigits(value)
}

// shows reports whether there is an address or a number in the text as it is.
func shows(text []byte) bool {
	_, end := firstClear(text)
	return end > 0 || namesNumber(text)
}

// hides reports whether percent-encoding hides an address or a number.
func (r *Redactor) hides(text []byte) bool {
	if bytes.IndexByte(text, '%') < 0 {
		return false
	}
	r.plain = decoded(r.plain[:0], text)
	return shows(r.plain)
}

// decoded appends the text without its percent-encoding, and without the encoding that this uncovers: %2540 is an @.
func decoded(dst, text []byte) []byte {
	start := len(dst)
	for _, c := range text {
		dst = append(dst, c)
		for n := len(dst); n-start >= 3 && dst[n-3] == '%' && isHex(dst[n-2]) && isHex(dst[n-1]); n = len(dst) {
			dst = append(dst[:n-3], unhex(dst[n-2])<<4|unhex(dst[n-1]))
		}
	}
	return dst
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// suspicious is the fast no: there is no sign of an address or a number, nor of an encoding that could hide one.
func suspicious(text []byte) bool {
	return bytes.IndexByte(text, '@') >= 0 || hasPlus(text) || hasCover(text) || namesPhone(text)
}

func hasPlus(text []byte) bool {
	for at := bytes.IndexByte(text, '+'); at >= 0; at = after(text, at, '+') {
		encoded := at > 2 && text[at-3] == '%' // what is before it
		if at+1 < len(text) && (encoded || at == 0 || !isWord(text[at-1])) && !isLetter(text[at+1]) {
			return true
		}
	}
	return false
}

// hasCover reports whether decoding the text could uncover an @, a + or the name of a parameter: these themselves, a letter, an equals
// sign, a percent sign, or the start of one.
func hasCover(text []byte) bool {
	for at := bytes.IndexByte(text, '%'); at >= 0; at = after(text, at, '%') {
		if at+2 >= len(text) || !isHex(text[at+1]) || !isHex(text[at+2]) {
			return true
		}
		switch c := unhex(text[at+1])<<4 | unhex(text[at+2]); {
		case c == '@' || c == '+' || c == '%' || c == '=' || isLetter(c):
			return true
		}
	}
	return false
}

// after is the position of the next such byte, or less than 0.
func after(text []byte, at int, c byte) int {
	next := bytes.IndexByte(text[at+1:], c)
	if next < 0 {
		return next
	}
	return at + 1 + next
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isWord(c byte) bool { return isLetter(c) || isDigit(c) }
