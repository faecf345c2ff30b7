package identity

import (
	"testing"

	"github.com/nyaruka/phonenumbers"
)

func TestEveryCountryOfTheLibraryHasItsWords(t *testing.T) {
	for region := range phonenumbers.GetSupportedRegions() {
		if code, ok := codeOfCountry([]byte(region)); !ok || string(code[:]) != region {
			t.Errorf("%s: got %s, %v", region, code, ok)
		}
	}
}

func TestAWordMeansOneCountry(t *testing.T) {
	for i, w := range countryWords[1:] {
		if w.word == countryWords[i].word {
			t.Errorf("%s is in %s and %s", w.word, w.code, countryWords[i].code)
		}
		if string(foldPlace(nil, []byte(w.word))) != w.word {
			t.Errorf("%s is not folded, so no row finds it", w.word)
		}
	}
}
