package identity

import (
	"bytes"
	"unicode/utf8"
)

// firstClear finds the first address or number that the text shows as it is; end is 0 where there is none.
func firstClear(text []byte) (start, end int) {
	for i, c := range text {
		switch c {
		case '@':
			start, end = addressAround(text, i)
		case '+':
			start, end = i, numberBehind(text, i)
		}
		if end > 0 {
			return start, end
		}
	}
	return 0, 0
}

// addressAround finds the address that an @ is of. It takes too much rather than too little: what is before and behind belongs to it as
// long as an address may have it.
func addressAround(text []byte, at int) (start, end int) {
	start = at
	for start > 0 && text[start-1] != '@' && (emailByte[text[start-1]] != 0 || text[start-1] >= utf8.RuneSelf) {
		start--
	}
	if start == at {
		start -= quotedBefore(text[:at])
	}
	end = at + 1
	for end < len(text) && (isWord(text[end]) || text[end] == '.' || text[end] == '-' || text[end] >= utf8.RuneSelf) {
		end++
	}
	domain := bytes.TrimRight(text[at+1:end], ".-")
	label, rest, _ := bytes.Cut(domain, []byte{'.'})
	if start == at || len(label) == 0 || len(rest) < 2 || len(bytes.Trim(rest, "0123456789.-")) == 0 { // 3@1.50 is a price
		return 0, 0
	}
	return start, at + 1 + len(domain)
}

// maxQuoted is more than a local part in quotes has.
const maxQuoted = 130

// quotedBefore is the length of the local part in quotes that the text ends in, 0 where there is none. A quote behind a backslash may be
// in it.
func quotedBefore(text []byte) (length int) {
	if !bytes.HasSuffix(text, []byte{'"'}) {
		return 0
	}
	for i := len(text) - 2; i >= 0 && len(text)-i <= maxQuoted; i-- {
		if text[i] == '"' {
			length = len(text) - i
			if i == 0 || text[i-1] != '\\' {
				break
			}
		}
	}
	if length == 2 {
		return 0
	}
	return length
}

// numberBehind is where the phone number behind a + ends, 0 where there is none. Its groups may be apart; the longest run of groups that
// is a number counts: behind it there may be others.
func numberBehind(text []byte, plus int) (end int) {
	if plus > 0 && isWord(text[plus-1]) {
		return 0
	}
	var digits [maxE164]byte
	n, gap := 0, 0
	for i := plus + 1; i < len(text) && gap <= maxGap; gap++ {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		digit, ok := digitOf(r)
		switch {
		case ok && n == len(digits):
			return end
		case ok:
			digits[n] = digit
			n, gap = n+1, -1
			if last(text[i:]) && isReachable(digits[:n]) {
				end = i
			}
		case r != '+' && !isPhonePunctuation(r): // + is a space where forms write it
			return end
		}
	}
	return end
}

// maxGap is how many characters may be between two digits: ") - ".
const maxGap = 4

// last reports whether no digit follows.
func last(rest []byte) bool {
	r, _ := utf8.DecodeRune(rest)
	_, ok := digitOf(r)
	return !ok
}

// isReachable reports whether the digits are a number of their country, perhaps with a prefix that is not dialled from abroad. It asks
// the tables alone, so that it costs the same whatever the text.
func isReachable(digits []byte) bool {
	if len(digits) < minE164 || digits[0] == '0' {
		return false
	}
	n := callingCodeLen(digits)
	code, rest := digits[:n], digits[n:]
	if onlyZeros(rest) {
		return false
	}
	p := plan(code)
	_, mexico := mexican(p.code, rest)
	return mexico || p.takes(rest) || p.doubled(code, rest) || p.isTrunk(rest[0]) && p.has(len(rest)-1)
}
