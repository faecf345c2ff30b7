package identity

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// numberPlan is what the numbers of a calling code look like behind it: how long they are, and which first digits are those of a
// national prefix. It decides most numbers; the library, which takes some 15 µs, the others.
type numberPlan struct {
	code    uint16
	lengths uint32 // a bit for each length
	trunks  uint16 // a bit for each digit
}

// planOf finds the plan of a calling code. A code without one has no numbers.
var planOf = func() (of [1000]numberPlan) {
	for _, p := range numberPlans {
		of[p.code] = p
	}
	return of
}()

func plan(code []byte) *numberPlan {
	n := 0
	for _, c := range code {
		n = n*10 + int(c-'0')
	}
	return &planOf[n]
}

// has reports whether numbers may have that many digits.
func (p *numberPlan) has(length int) bool { return length > 0 && p.lengths>>length&1 == 1 }

// isTrunk reports whether the digit may be of a national prefix, which is not dialled from abroad.
func (p *numberPlan) isTrunk(digit byte) bool { return digit == '0' || p.trunks>>(digit-'0')&1 == 1 }

// takes reports whether the digits behind the calling code are a number of the plan as they are.
func (p *numberPlan) takes(rest []byte) bool { return p.has(len(rest)) && !p.isTrunk(rest[0]) }

// doubled reports whether the digits may be a number behind its calling code written twice.
func (p *numberPlan) doubled(code, rest []byte) bool {
	return p.has(len(rest)-len(code)) && bytes.HasPrefix(rest, code)
}

// corrected takes an international number that its plan does not: with a national prefix, or the calling code again, behind the
// calling code. It is the number that a caller in the country would reach, if the library finds it valid; else it is not one.
func corrected(dst, code, rest []byte) ([]byte, error) {
	p := plan(code)
	if ten, ok := mexican(p.code, rest); ok {
		return append(append(append(dst, '+'), code...), ten...), nil
	}
	international := "+" + string(code) + string(rest)
	e164 := cmp.Or(validNumber(international, ""), validNumber(string(rest), phonenumbers.GetRegionCodeForCountryCode(int(p.code))))
	switch {
	case e164 != "" && strings.HasPrefix(e164[1:], string(code)):
		return append(dst, e164...), nil
	case p.takes(rest): // possible, though not valid: see Phone
		return append(append(append(dst, '+'), code...), rest...), nil
	case rest[0] == '0': // Italy and some others dial it from abroad
		return fromLibrary(dst, international, "")
	}
	return nil, RuleNotE164
}

// withoutPrefix is the number without the national prefix, or the calling code again, behind its calling code of n digits, where that is
// what makes it valid; else "".
func withoutPrefix(e164 string, n int) string {
	if validNumber(e164, "") != "" {
		return ""
	}
	code := e164[1 : 1+n]
	national := phonenumbers.GetNddPrefixForRegion(phonenumbers.GetRegionCodeForCountryCode(int(plan([]byte(code)).code)), true)
	for _, prefix := range []string{national, code} {
		if rest, ok := strings.CutPrefix(e164[1+n:], prefix); ok && prefix != "" {
			if number := validNumber("+"+code+rest, ""); number != "" {
				return number
			}
		}
	}
	return ""
}

// mexican takes off what was before Mexico's ten digits until 2019: the 1 of mobiles abroad, and 01, 044 and 045 at home. The library has
// forgotten them; tables have not.
func mexican(code uint16, rest []byte) (ten []byte, ok bool) {
	n := len(rest) - 10
	if code != 52 || n <= 0 || rest[n] < '2' {
		return nil, false
	}
	return rest[n:], slices.Contains([]string{"1", "01", "044", "045", "52", "521"}, string(rest[:n]))
}

// validNumber is a number that someone can have in E.164, or "".
func validNumber(text, region string) string {
	number, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsValidNumber(number) {
		return ""
	}
	if e164 := phonenumbers.Format(number, phonenumbers.E164); len(e164) >= 1+minE164 && len(e164) <= 1+maxE164 {
		return e164
	}
	return ""
}
