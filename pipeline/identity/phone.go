package identity

import (
	"bytes"

	"github.com/nyaruka/phonenumbers"
)

// E.164 allows 15 digits; below 8 is not a number with a country code that can be reached from abroad.
const (
	minE164 = 8
	maxE164 = 15
)

// Phone brings phone numbers to E.164, with the plus, and hashes them. Numbers with their country code need no Country
// and no library, whatever their punctuation, if they have a length that their country has and no national prefix: see numberPlan. A number in national form
// is read by the rules of Country and refused without one. A number without plus that starts with Country's calling
// code is taken as international where it is valid as such and has 11 digits or more.
//
// Form and length are checked, not whether an operator has given the number out: TikTok does not either.
type Phone struct {
	Mode    Mode
	Country Country
	Unknown bool // the row names a country that is not known
}

// SetCountry sets the country that a row says. One that is not known leaves the one before; blank text and a placeholder say nothing.
func (p *Phone) SetCountry(text []byte) {
	if text = trim(text); len(text) == 0 || isPlaceholder(text, false) {
		return
	}
	country, ok := countryNamed(text)
	if ok {
		p.Country = country
	}
	p.Unknown = !ok
}

// Hash hashes one number. See the package comment for the outcomes.
func (p Phone) Hash(clear []byte) (h Hash, err error) {
	text, err := gate{algorithm: SHA256, mode: p.Mode}.admit(clear, &h)
	if text == nil {
		return h, err
	}
	var buf [1 + maxE164]byte
	number, err := p.normalise(buf[:0], text)
	if err == nil {
		h.fill(SHA256, number)
	}
	return h, err
}

// NoteCorrected is what a preview says of a number that Corrects is true of.
const NoteCorrected = "its digits are completed or corrected by the rules of its country"

// Corrects reports whether the number is hashed with other digits than it is written with, for a preview: completed by its country, or
// without a prefix that is not dialled from abroad.
func (p Phone) Corrects(clear []byte) bool {
	text := trim(clear)
	number, err := dial(text)
	if err != nil {
		return false
	}
	var buf [1 + maxE164]byte
	e164, err := p.normalise(buf[:0], text)
	return err == nil && !bytes.Equal(e164[1:], number.all())
}

func (p Phone) normalise(dst, text []byte) ([]byte, error) {
	number, err := dial(text)
	if err != nil {
		return nil, err
	}
	digits := number.all()
	switch abroad, ok := bytes.CutPrefix(digits, []byte("00")); {
	case onlyZeros(digits):
		return nil, RulePlaceholder
	case number.plus && number.slash:
		return fromLibrary(dst, "+"+string(digits), "")
	case number.plus:
		return international(dst, digits)
	case ok && !p.Country.valid(digits):
		return international(dst, abroad)
	case p.Country.IsZero() && p.Unknown:
		return nil, RuleUnknownCountry
	case p.Country.IsZero():
		return nil, RuleNoCountry
	}
	return p.Country.national(dst, digits)
}

// international takes digits that start with a country code.
func international(dst, digits []byte) ([]byte, error) {
	if len(digits) < minE164 || digits[0] == '0' {
		return nil, RuleNotE164
	}
	code, rest := digits[:callingCodeLen(digits)], digits[callingCodeLen(digits):]
	p := plan(code)
	switch {
	case onlyZeros(rest):
		return nil, RulePlaceholder
	case p.takes(rest) && !p.doubled(code, rest):
		return append(append(dst, '+'), digits...), nil
	}
	return corrected(dst, code, rest)
}

// national takes digits as they are dialled within the country.
func (c Country) national(dst, digits []byte) ([]byte, error) {
	if c.code == 1 {
		return northAmerican(dst, digits, c)
	}
	if ten, ok := mexican(c.code, digits); ok {
		return append(append(dst, "+52"...), ten...), nil
	}
	if len(digits) >= 11 && bytes.HasPrefix(digits, []byte(c.callingCode())) && (Country{}).valid(append([]byte{'+'}, digits...)) {
		return international(dst, digits)
	}
	return fromLibrary(dst, string(digits), c.String())
}

// northAmerican spares the commonest national numbers the library, which takes some 15 µs each.
func northAmerican(dst, digits []byte, c Country) ([]byte, error) {
	switch {
	case len(digits) == 11 && digits[0] == '1':
		return international(dst, digits)
	case len(digits) == 10 && digits[0] > '1':
		return append(append(dst, '+', '1'), digits...), nil
	}
	return fromLibrary(dst, string(digits), c.String())
}

// valid asks the library whether the text is a number someone can have.
func (c Country) valid(text []byte) bool {
	if c.IsZero() && text[0] != '+' {
		return false
	}
	number, err := phonenumbers.Parse(string(text), c.String())
	return err == nil && phonenumbers.IsValidNumber(number)
}

// fromLibrary takes what the library makes of a number. A national prefix that is still behind the country code must be digits that
// the country dials from abroad too: the library takes off one trunk zero, and a number with two is not a number.
func fromLibrary(dst []byte, text, region string) ([]byte, error) {
	e164 := parse(text, region)
	if len(e164) < 1+minE164 || len(e164) > 1+maxE164 {
		return nil, RuleNotE164
	}
	n := callingCodeLen([]byte(e164[1:]))
	code, rest := []byte(e164[1:1+n]), []byte(e164[1+n:])
	p, digit := plan(code), rest[0]
	if !p.isTrunk(digit) && !p.doubled(code, rest) {
		return append(dst, e164...), nil
	}
	switch without := withoutPrefix(e164, n); {
	case without != "":
		return append(dst, without...), nil
	case !p.isTrunk(digit):
	case digit == '0' && parse(e164, "") != e164, digit != '0' && validNumber(e164, "") != e164:
		return nil, RuleNotE164
	}
	return append(dst, e164...), nil
}

// parse returns E.164, or nothing for a number whose length is none that the country has.
func parse(text, region string) string {
	number, err := phonenumbers.Parse(text, region)
	if err != nil || phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE {
		return ""
	}
	return phonenumbers.Format(number, phonenumbers.E164)
}

func onlyZeros(digits []byte) bool { return len(bytes.TrimLeft(digits, "0")) == 0 }
