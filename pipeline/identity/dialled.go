package identity

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// dialled is a phone number as its digits, with what else of its writing matters.
type dialled struct {
	plus   bool
	slash  bool // maybe two numbers
	n      int
	digits [maxDialled]byte
}

// maxDialled leaves room for an international prefix or a trunk zero before 15 digits.
const maxDialled = 20

func (d *dialled) all() []byte { return d.digits[:d.n] }

// dial reads a number as people and programs write it: E.164, with spaces and punctuation, behind tel:, behind a
// spreadsheet's apostrophe, or as a number that became a decimal on its way. It refuses letters, extensions, a second
// number, and powers of ten, whose digits may be lost.
func dial(text []byte) (d dialled, err error) {
	text = unwrap(text)
	for len(text) > 0 {
		if c := text[0]; isDigit(c) && d.n < maxDialled {
			d.digits[d.n] = c
			d.n, text = d.n+1, text[1:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if !d.read(r) {
			return d, RuleNotE164
		}
	}
	if d.n == 0 {
		return d, RuleNotE164
	}
	return d, nil
}

// read takes the next character; false means that no phone number has it there.
func (d *dialled) read(r rune) bool {
	if digit, ok := digitOf(r); ok {
		if d.n == maxDialled {
			return false
		}
		d.digits[d.n] = digit
		d.n++
		return true
	}
	if r == '+' || r == '＋' {
		first := !d.plus && d.n == 0
		d.plus = true
		return first
	}
	d.slash = d.slash || r == '/' || r == '／'
	return isPhonePunctuation(r)
}

func unwrap(text []byte) []byte {
	if len(text) > 4 && bytes.EqualFold(text[:4], []byte("tel:")) {
		text = trim(text[4:])
	}
	text = bytes.TrimPrefix(text, []byte("'"))
	return withoutFraction(text)
}

// withoutFraction cuts the .0 that a number gets when a program keeps it as floating point. Digits alone before it: in
// written numbers the dot separates groups.
func withoutFraction(text []byte) []byte {
	if whole, ok := bytes.CutSuffix(text, []byte(".0")); ok && allDigits(whole) {
		return whole
	}
	return text
}

// digitOf reads the digits of the scripts phone numbers are typed in: ASCII and full width, Arabic, Persian, Devanagari.
func digitOf(r rune) (byte, bool) {
	for _, zero := range [...]rune{'0', '０', '٠', '۰', '०'} {
		if zero <= r && r <= zero+9 {
			return byte('0' + r - zero), true
		}
		if r < utf8.RuneSelf {
			break
		}
	}
	return 0, false
}

func isPhonePunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return strings.IndexByte(" -.()/[]~\t\r\n", byte(r)) >= 0
	}
	return invisible(r) || strings.ContainsRune("‐‑‒–—―−ー－．·（）［］／～", r)
}
