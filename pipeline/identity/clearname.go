package identity

import "bytes"

// isPhoneName reads a name that may be encoded.
func (r *Redactor) isPhoneName(name []byte) bool {
	if bytes.IndexByte(name, '%') < 0 {
		return isPhoneName(name)
	}
	r.plain = decoded(r.plain[:0], name)
	return isPhoneName(r.plain)
}

// minDigits is how many digits make a number in a parameter that is named for phone numbers.
const minDigits = 7

// namesNumber reports whether a parameter anywhere in the text is named for phone numbers and has one: text may be a query, or have a URL
// in it.
func namesNumber(text []byte) bool {
	if bytes.IndexByte(text, '=') < 0 {
		return false
	}
	name, named, digits := 0, false, 0 // where the name began, whether it is one for phone numbers, and the digits behind it
	for i, c := range string(text) {
		switch c {
		case '=':
			named = named || isPhoneName(text[name:i])
			name = i + 1
		case '?', '/':
			name = i + 1
		case '&', '#', ';', '"', '\n':
			name, named, digits = i+1, false, 0
		}
		if _, ok := digitOf(c); ok && named {
			digits++
		}
		if digits == minDigits {
			return true
		}
	}
	return false
}

func (r *Redactor) hasDigits(value []byte) bool {
	r.plain = decoded(r.plain[:0], value)
	n := 0
	for _, c := range string(r.plain) {
		if _, ok := digitOf(c); ok {
			n++
		}
	}
	return n >= minDigits
}

// namesPhone reports whether a parameter is named for phone numbers, as far as its name is not encoded.
func namesPhone(text []byte) bool {
	for start, at := 0, bytes.IndexByte(text, '='); at >= 0; start, at = at+1, after(text, at, '=') {
		if isPhoneName(text[start:at]) {
			return true
		}
	}
	return false
}

// What names of parameters for phone numbers end in, and what may follow: customer_phone, phoneNumber, billing[mobile], tel_no.
var (
	phoneWords  = []string{"phone", "mobile", "msisdn", "whatsapp", "telefon", "telefono", "telefone", "celular", "tel", "cell", "mob", "gsm", "sms", "fax"}
	numberWords = []string{"number", "num", "no", "nr"}
)

// isPhoneName reads a name, which may have anything before it.
func isPhoneName(name []byte) bool {
	name = wordEnd(name)
	if !endsLikeOne(name) {
		return false
	}
	if endsInWord(name, phoneWords) > 0 {
		return true
	}
	n := endsInWord(name, numberWords)
	return n > 0 && endsInWord(wordEnd(name[:len(name)-n]), phoneWords) > 0
}

// endsLikeOne is the fast no, by the last two letters of the words.
func endsLikeOne(name []byte) bool {
	if len(name) < 2 {
		return false
	}
	switch uint16(name[len(name)-2]|0x20)<<8 | uint16(name[len(name)-1]|0x20) {
	case 'n'<<8 | 'e', 'l'<<8 | 'e', 'd'<<8 | 'n', 'p'<<8 | 'p', 'o'<<8 | 'n', 'n'<<8 | 'o', 'a'<<8 | 'r', 'e'<<8 | 'l', 'l'<<8 | 'l',
		'o'<<8 | 'b', 's'<<8 | 'm', 'm'<<8 | 's', 'a'<<8 | 'x', 'e'<<8 | 'r', 'u'<<8 | 'm', 'n'<<8 | 'r':
		return true
	}
	return false
}

// wordEnd cuts off what is behind the last letter: digits, brackets, underscores. Brackets may be encoded.
func wordEnd(name []byte) []byte {
	for n := len(name); n > 0; n = len(name) {
		switch {
		case n > 3 && name[n-3] == '%' && isHex(name[n-2]) && isHex(name[n-1]):
			name = name[:n-3]
		case isLetter(name[n-1]):
			return name
		default:
			name = name[:n-1]
		}
	}
	return name
}

// endsInWord is the length of the word the name ends in, 0 for none. A short word has to be one of its own: hotel is no tel.
func endsInWord(name []byte, words []string) int {
	for _, word := range words {
		start := len(name) - len(word)
		if start < 0 || name[len(name)-1]|0x20 != word[len(word)-1] || !bytes.EqualFold(name[start:], []byte(word)) {
			continue
		}
		if len(word) > 4 || startsWord(name, start) {
			return len(word)
		}
	}
	return 0
}

// startsWord reports whether a word begins here: behind no letter, behind an encoded character, or with a capital behind a small one.
func startsWord(name []byte, start int) bool {
	if start == 0 || !isLetter(name[start-1]) || start > 2 && name[start-3] == '%' {
		return true
	}
	return name[start] < 'a' && name[start-1] >= 'a'
}
