package identity

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

var update = flag.Bool("update", false, "write numberplans.go again")

const plansFile = "numberplans.go"

// TestTheTableOfNumberPlansIsTheLibrarys writes or compares the table.
func TestTheTableOfNumberPlansIsTheLibrarys(t *testing.T) {
	want := plansText()
	if *update {
		if err := os.WriteFile(plansFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, _ := os.ReadFile(plansFile); string(got) != want {
		t.Errorf("%s is not what the library says; run go test ./pipeline/identity -run NumberPlans -update", plansFile)
	}
}

func plansText() string {
	var b strings.Builder
	b.WriteString("package identity\n\n// numberPlans is made from the phone number library; a test compares it.\nvar numberPlans = []numberPlan{\n")
	for _, code := range slices.Sorted(maps.Keys(phonenumbers.GetSupportedCallingCodes())) {
		lengths, trunks := 0, 0
		for length, number := 2, uint64(22); length <= 15; length, number = length+1, number*10+2 {
			country := int32(code)
			if phonenumbers.IsPossibleNumberWithReason(&phonenumbers.PhoneNumber{CountryCode: &country, NationalNumber: &number}) == phonenumbers.IS_POSSIBLE {
				lengths |= 1 << length
			}
		}
		for _, region := range phonenumbers.GetRegionCodesForCountryCode(code) {
			if prefix := phonenumbers.GetNddPrefixForRegion(region, true); prefix != "" {
				trunks |= 1 << (prefix[0] - '0')
			}
		}
		fmt.Fprintf(&b, "\t{%d, %#x, %#x},\n", code, lengths, trunks)
	}
	return b.String() + "}\n"
}

// examples are the numbers that the library gives for every region and kind, and those of codes without a region.
func examples() (list []*phonenumbers.PhoneNumber) {
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			list = append(list, phonenumbers.GetExampleNumberForType(region, kind))
		}
	}
	for code := range phonenumbers.GetSupportedGlobalNetworkCallingCodes() {
		list = append(list, phonenumbers.GetExampleNumberForNonGeoEntity(code))
	}
	return slices.DeleteFunc(list, func(n *phonenumbers.PhoneNumber) bool { return n == nil })
}

// TestEveryRegionsExampleNumbersAreTaken: each stays as it is, and nearly all without the library.
func TestEveryRegionsExampleNumbersAreTaken(t *testing.T) {
	all, fast := 0, 0
	for _, n := range examples() {
		e164 := phonenumbers.Format(n, phonenumbers.E164)
		if len(e164) < 1+minE164 { // a few islands
			continue
		}
		got, err := Phone{}.normalise(nil, []byte(e164))
		if err != nil || string(got) != e164 {
			t.Errorf("%s: got %s and %v", e164, got, err)
		}
		all++
		code := callingCodeLen([]byte(e164[1:]))
		if plan([]byte(e164[1 : 1+code])).takes([]byte(e164[1+code:])) {
			fast++
		}
	}
	if all < 1000 || fast*100 < all*90 {
		t.Errorf("%d of %d numbers need no library, want 90 in 100 of 1000 and more", fast, all)
	}
}

// TestANationalPrefixBehindThePlusIsTakenOff: the number is the same as without it.
func TestANationalPrefixBehindThePlusIsTakenOff(t *testing.T) {
	for region := range phonenumbers.GetSupportedRegions() {
		n, prefix := phonenumbers.GetExampleNumberForType(region, phonenumbers.MOBILE), phonenumbers.GetNddPrefixForRegion(region, true)
		if n == nil || prefix == "" {
			continue
		}
		e164, national := phonenumbers.Format(n, phonenumbers.E164), phonenumbers.GetNationalSignificantNumber(n)
		written := fmt.Sprintf("+%d%s%s", n.GetCountryCode(), prefix, national)
		if len(e164) < 1+minE164 || len(written) > 1+maxDialled {
			continue
		}
		if got, err := (Phone{}).normalise(nil, []byte(written)); err != nil || string(got) != e164 {
			t.Errorf("%s %s: got %s and %v, want %s", region, written, got, err, e164)
		}
	}
}

// TestNoCountryHasSuchNumbers: a digit too many or too few, where a country's numbers have one length.
func TestNoCountryHasSuchNumbers(t *testing.T) {
	for _, text := range []string{"+15550123", "+1415555012", "+141555501234", "+99912345678", "+21012345678", "+1115555012", "+331234567", "+3312345678901"} {
		if got, err := (Phone{}).normalise(nil, []byte(text)); err != RuleNotE164 {
			t.Errorf("%s: got %s and %v, want %s", text, got, err, string(RuleNotE164))
		}
	}
}
