package identity

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func TestAModeIsReadByItsName(t *testing.T) {
	for name, want := range map[string]Mode{"": Auto, "auto": Auto, "raw": Raw, "hashed": Hashed} {
		var got Mode
		if err := got.UnmarshalText([]byte(name)); err != nil || got != want {
			t.Errorf("%q: got %v and %v, want %v", name, got, err, want)
		}
		if name != "" && want.String() != name {
			t.Errorf("got %s, want %s", want, name)
		}
	}
	for _, name := range []string{"Auto", "sha256", "hash", " raw"} {
		if _, err := ParseMode(name); err == nil {
			t.Errorf("%q is not a mode", name)
		}
	}
}

func TestACountryIsReadByItsTwoLetters(t *testing.T) {
	cases := []struct{ text, want string }{
		{"US", "US"}, {"us", "US"}, {" gb ", "GB"}, {"UK", "GB"}, {"De", "DE"},
		{"", ""}, {"XX", ""}, {"USA", ""}, {"1", ""}, {"44", ""}, {"ü", ""}, {"\x15\x13", ""}, {"Germany", ""},
	}
	for _, c := range cases {
		got, ok := ParseCountry([]byte(c.text))
		if got.String() != c.want || ok != (c.want != "") || got.IsZero() == ok {
			t.Errorf("%q: got %q and %v, want %q", c.text, got, ok, c.want)
		}
	}
}

func TestCallingCodesAreCutAsTheLibraryKnowsThem(t *testing.T) {
	for code := range phonenumbers.GetSupportedCallingCodes() {
		text := strconv.Itoa(code)
		if got := callingCodeLen([]byte(text + "00000000")); got != len(text) {
			t.Errorf("%d: got %d digits, want %d", code, got, len(text))
		}
	}
}

func TestNorthAmericanNumbersAgreeWithTheLibrary(t *testing.T) {
	us, _ := ParseCountry([]byte("US"))
	for _, digits := range []string{"2133734253", "12133734253", "8001234567", "5555550100", "9999999999"} {
		fast, err := us.national(nil, []byte(digits))
		if err != nil {
			t.Fatal(digits, err)
		}
		slow, err := fromLibrary(nil, digits, "US")
		if err != nil || string(fast) != string(slow) {
			t.Errorf("%s: got %s, want %s (%v)", digits, fast, slow, err)
		}
	}
}

func TestTheLibrarysExampleNumbersAreReadInEveryForm(t *testing.T) {
	for region := range phonenumbers.GetSupportedRegions() {
		for _, use := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE} {
			if number := phonenumbers.GetExampleNumberForType(region, use); number != nil {
				readsInEveryForm(t, region, number)
			}
		}
	}
}

func readsInEveryForm(t *testing.T, region string, number *phonenumbers.PhoneNumber) {
	country, ok := ParseCountry([]byte(region))
	e164 := phonenumbers.Format(number, phonenumbers.E164)
	if !ok || len(e164) < 1+minE164 {
		return // Some islands have seven digits with the country code: too few to accept from anyone.
	}
	forms := []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.RFC3966, phonenumbers.NATIONAL}
	if region == "AR" {
		forms = forms[:3] // The library writes its own example wrongly; testdata has the right one.
	}
	for _, form := range forms {
		got, err := Phone{Country: country}.normalise(nil, []byte(phonenumbers.Format(number, form)))
		if err != nil || string(got) != e164 {
			t.Errorf("%s form %d: got %s and %v, want %s", region, form, got, err, e164)
		}
	}
}

func TestEveryAudienceTypeHasItsKind(t *testing.T) {
	us, _ := ParseCountry([]byte("US"))
	o := AudienceOptions{Country: us, StripPlusTag: true, StripDots: true}
	inputs := map[string]struct{ clear, normal string }{
		"EMAIL_SHA256": {"A. Lice+x@example.com", "alice@example.com"},
		"PHONE_SHA256": {"213 373 4253", "+12133734253"},
		"IDFA_SHA256":  {"EA7583CD-A667-48BC-B806-42ECB2B48606", "ea7583cd-a667-48bc-b806-42ecb2b48606"},
		"IDFA_MD5":     {"EA7583CD-A667-48BC-B806-42ECB2B48606", "ea7583cd-a667-48bc-b806-42ecb2b48606"},
		"GAID_SHA256":  {"EA7583CD-A667-48BC-B806-42ECB2B48606", "ea7583cd-a667-48bc-b806-42ecb2b48606"},
		"GAID_MD5":     {"EA7583CD-A667-48BC-B806-42ECB2B48606", "ea7583cd-a667-48bc-b806-42ecb2b48606"},
	}
	if len(AudienceTypes()) != len(inputs) {
		t.Errorf("got %d types, want %d", len(AudienceTypes()), len(inputs))
	}
	for _, idType := range AudienceTypes() {
		hasher, err := ForAudience(idType, o)
		if err != nil {
			t.Fatal(err)
		}
		h, err := hasher.Hash([]byte(inputs[idType].clear))
		want := digestOf(inputs[idType].normal, strings.HasSuffix(idType, "MD5"))
		if got := string(h.AppendHex(nil)); got != want {
			t.Errorf("%s: got %s and %v, want %s", idType, got, err, want)
		}
		o := o
		o.Mode = Hashed
		strict, _ := ForAudience(idType, o)
		if _, err := strict.Hash([]byte(inputs[idType].clear)); !errors.Is(err, RuleNotHashed) {
			t.Errorf("%s: the mode is lost: got %v", idType, err)
		}
	}
	if _, err := ForAudience("email_sha256", o); err == nil {
		t.Error("an unknown type is accepted")
	}
}

func TestEveryRuleIsExplainedAndHasACase(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, known := range rules {
		rule := known.rule
		if rule.Error() == string(rule) {
			t.Errorf("%s: no meaning", string(rule))
		}
		if !strings.Contains(all.String(), "| !"+string(rule)+" |") {
			t.Errorf("%s: no case in testdata", string(rule))
		}
	}
	if got := Rule("something_else").Error(); got != "something_else" {
		t.Errorf("got %s, want something_else", got)
	}
}
