package identity

import (
	"errors"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// kinds are what the laws are thrown at: every kind under every option.
var kinds = []string{
	"email", "email spaces", "email plus dots", "email spaces plus dots raw", "email hashed",
	"phone", "phone US", "phone GB", "phone DE", "phone IT", "phone BR raw", "phone hashed",
	"external_id", "external_id lower", "external_id raw", "external_id hashed",
	"device", "device upper", "device md5", "device raw", "device md5 hashed",
	"name", "name hashed", "zip", "zip raw",
}

func seed(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		for _, c := range readCases(f, file) {
			f.Add([]byte(c.input))
		}
	}
}

// FuzzEveryKindHasOneOfThreeOutcomes: a hash, nothing, or a rule of the closed list; the same each time; the input as it
// was.
func FuzzEveryKindHasOneOfThreeOutcomes(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, kind := range kinds {
			hasher, _ := hasherOf(t, kind)
			before := slices.Clone(input)
			h, err := hasher.Hash(input)
			if rule, ok := errors.AsType[Rule](err); err != nil && (!ok || rule.Error() == string(rule) || !h.IsZero()) {
				t.Errorf("%s: the error is none of the rules, or a hash is beside it", kind)
			}
			if again, err2 := hasher.Hash(input); again != h || err2 != err {
				t.Errorf("%s: another outcome the second time", kind)
			}
			if !slices.Equal(before, input) {
				t.Errorf("%s: the input was changed", kind)
			}
			if !h.IsZero() && h.algorithm == SHA256 == strings.Contains(kind, "md5") {
				t.Errorf("%s: the wrong algorithm", kind)
			}
		}
	})
}

// FuzzNormalisedTextStaysAsItIs: normalising twice is normalising once, and hashes the same. Names and postal codes are
// left to the last check, because what is left of them may be a placeholder's text.
func FuzzNormalisedTextStaysAsItIs(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, kind := range kinds {
			hasher, _ := hasherOf(t, kind)
			text := trim(input)
			once, err := normalised(hasher, text)
			first, hashErr := hasher.Hash(input)
			if err != nil || hashErr != nil || isSomeDigest(text) || len(text) == 0 {
				continue
			}
			twice, err := normalised(hasher, once)
			if err != nil || string(once) != string(twice) {
				t.Fatalf("%s %q: got %q and %v, want %q", kind, input, twice, err, once)
			}
			if second, err := hasher.Hash(once); second != first {
				t.Fatalf("%s %q: normalised text %q hashes to something else (%v)", kind, input, once, err)
			}
		}
	})
}

func normalised(h Hasher, text []byte) ([]byte, error) {
	switch k := h.(type) {
	case Email:
		return k.normalise(nil, text)
	case Phone:
		return k.normalise(nil, text)
	case DeviceID:
		return k.normalise(nil, text)
	case ExternalID:
		if k.Lowercase {
			return appendLower(nil, text), nil
		}
		return text, nil
	}
	return nil, errors.New("not looked at")
}

// TestPhonesInEveryCountryStayAsTheyAre throws digits at the rules for country codes, trunk zeros and national forms.
func TestPhonesInEveryCountryStayAsTheyAre(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	codes := slices.Sorted(maps.Keys(phonenumbers.GetSupportedCallingCodes()))
	regions := slices.Sorted(maps.Keys(phonenumbers.GetSupportedRegions()))
	for range 3000 {
		country, _ := ParseCountry([]byte(regions[r.IntN(len(regions))]))
		code := strconv.Itoa(codes[r.IntN(len(codes))])
		var input strings.Builder
		input.WriteString([]string{"+" + code, "+" + code + "0", "00" + code, "", "0", country.callingCode()}[r.IntN(6)])
		for range 4 + r.IntN(9) {
			input.WriteString(strconv.Itoa(r.IntN(10)))
		}
		staysAsItIs(t, Phone{Country: country}, input.String())
	}
}

func staysAsItIs(t *testing.T, p Phone, input string) {
	once, err := p.normalise(nil, []byte(input))
	if err != nil {
		return
	}
	if len(once) < 1+minE164 || len(once) > 1+maxE164 || once[0] != '+' || once[1] == '0' || !allDigits(once[1:]) {
		t.Errorf("%s in %v: got %s, which is not E.164", input, p.Country, once)
	}
	for _, again := range []Phone{p, {}} {
		if twice, err := again.normalise(nil, once); string(twice) != string(once) {
			t.Errorf("%s in %v: got %s and %v, want %s", input, p.Country, twice, err, once)
		}
	}
}

// FuzzADigestPassesUnchanged: whatever 32 bytes are hashed elsewhere come out as they went in, in both cases.
func FuzzADigestPassesUnchanged(f *testing.F) {
	f.Add([]byte("alice@example.com"))
	f.Fuzz(func(t *testing.T, text []byte) {
		want := digestOf("prefix that no placeholder has "+string(text), false)
		for _, kind := range []string{"email", "email hashed", "phone", "external_id", "device", "name", "zip hashed"} {
			hasher, _ := hasherOf(t, kind)
			for _, written := range []string{want, strings.ToUpper(want), " " + want + "\n"} {
				h, err := hasher.Hash([]byte(written))
				if got := string(h.AppendHex(nil)); got != want {
					t.Errorf("%s: got %s and %v, want %s", kind, got, err, want)
				}
			}
		}
	})
}

// FuzzAPlaceIsOnlyLettersAndDigits holds for the one kind that stays clear.
func FuzzAPlaceIsOnlyLettersAndDigits(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, input []byte) {
		got, err := Place{}.Append([]byte("!"), input)
		if err != nil && string(got) != "!" {
			t.Error("something was appended beside an error")
		}
		for _, c := range got[1:] {
			if !isDigit(c) && (c < 'a' || c > 'z') {
				t.Errorf("byte %x in a place", c)
			}
		}
	})
}
