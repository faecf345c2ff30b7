package identity

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Country is where phone numbers in national form belong. The zero Country is none.
type Country struct {
	region [2]byte
	code   uint16 // calling code: 44
}

// ParseCountry reads an ISO 3166 code of two letters, in either case, as a configuration has it; UK is taken for GB. It says false for
// anything else.
func ParseCountry(text []byte) (Country, bool) {
	if len(trim(text)) != 2 {
		return Country{}, false
	}
	return countryNamed(text)
}

// countryNamed reads a country as rows have it: by its code of two or three letters, or by its name in English or in its own language.
func countryNamed(text []byte) (Country, bool) {
	region, ok := codeOfCountry(text)
	if !ok || !phonenumbers.GetSupportedRegions()[string(region[:])] {
		return Country{}, false
	}
	return Country{region: region, code: uint16(phonenumbers.GetCountryCodeForRegion(string(region[:])))}, true
}

// IsZero says that there is no country.
func (c Country) IsZero() bool { return c == Country{} }

// String is the two-letter code, or nothing.
func (c Country) String() string {
	if c.IsZero() {
		return ""
	}
	return string(c.region[:])
}

func (c Country) callingCode() string { return strconv.Itoa(int(c.code)) }

// twoDigitCodes holds, per first digit, the second digits of the calling codes that have two. 1 and 7 stand alone, all
// others have three digits.
var twoDigitCodes = [10]string{2: "07", 3: "0123469", 4: "013456789", 5: "12345678", 6: "0123456", 8: "1246", 9: "0123458"}

// callingCodeLen is the length of the calling code that the digits of an international number start with.
func callingCodeLen(digits []byte) int {
	switch {
	case digits[0] == '1' || digits[0] == '7':
		return 1
	case strings.IndexByte(twoDigitCodes[digits[0]-'0'], digits[1]) >= 0:
		return 2
	}
	return 3
}
