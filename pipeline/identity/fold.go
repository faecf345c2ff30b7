package identity

import (
	"unicode"
	"unicode/utf8"
)

// latinLetters are the letters of Latin scripts beyond a to z, in lower case, and what is left of them without their accents.
var latinLetters = []struct{ base, letters string }{
	{"a", "àáâãäåāăąǎǟǡǻȁȃȧəḁạảấầẩẫậắằẳẵặ"},
	{"ae", "æǣǽ"},
	{"b", "ḃḅḇ"},
	{"c", "çćĉċčḉ"},
	{"d", "ðďđɖḋḍḏḑḓ"},
	{"e", "èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ"},
	{"f", "ḟ"},
	{"g", "ĝğġģǧǵḡ"},
	{"h", "ĥħȟḣḥḧḩḫẖ"},
	{"i", "ìíîïĩīĭįıǐȉȋḭḯỉị"},
	{"j", "ĵǰ"},
	{"k", "ķĸǩḱḳḵ"},
	{"l", "ĺļľłḷḹḻḽ"},
	{"m", "ḿṁṃ"},
	{"n", "ñńņňŋǹṅṇṉṋ"},
	{"o", "òóôõöøōŏőơǒǫǭǿȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ"},
	{"oe", "œ"},
	{"p", "ṕṗ"},
	{"r", "ŕŗřȑȓṙṛṝṟ"},
	{"s", "śŝşšſșṡṣṥṧṩ"},
	{"ss", "ß"},
	{"t", "ţťŧțṫṭṯṱẗ"},
	{"th", "þ"},
	{"u", "ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự"},
	{"v", "ṽṿ"},
	{"w", "ŵẁẃẅẇẉẘ"},
	{"x", "ẋẍ"},
	{"y", "ýÿŷȳẏẙỳỵỷỹ"},
	{"z", "źżžẑẓẕ"},
}

// latinFold is where foldPlace looks: the position in latinLetters plus one, by letter.
var latinFold = func() (fold [0x1f00]uint8) {
	for i, l := range latinLetters {
		for _, r := range l.letters {
			fold[r] = uint8(i + 1)
		}
	}
	return fold
}()

// foldPlace appends the text in lower case, and of that only a to z and 0 to 9. Accents are taken off, whether the letter is one
// character or a letter and a mark behind it: München is munchen, Łódź is lodz.
func foldPlace(dst, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r >= utf8.RuneSelf {
			r = unicode.ToLower(r)
		} else if 'A' <= r && r <= 'Z' {
			r |= 0x20
		}
		switch {
		case r < utf8.RuneSelf:
			if isDigit(byte(r)) || 'a' <= r && r <= 'z' {
				dst = append(dst, byte(r))
			}
		case int(r) < len(latinFold) && latinFold[r] > 0:
			dst = append(dst, latinLetters[latinFold[r]-1].base...)
		}
	}
	return dst
}
