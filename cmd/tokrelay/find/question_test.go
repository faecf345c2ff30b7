package find

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/identity"
)

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func hexes(q *Question) (list []string) {
	for _, d := range q.Digests {
		list = append(list, hex.EncodeToString(d))
	}
	return list
}

func TestWhatIsTypedIsRecognisedAndHashedInTheFormsOfSyncs(t *testing.T) {
	german, _ := identity.ParseCountry([]byte("DE"))
	md := md5.Sum([]byte("cdda802e-fb9c-47ad-9866-0794d394c912"))
	for _, c := range []struct {
		text  string
		as    As
		want  As
		forms []string
	}{
		{" Ada.L+shop@Example.com ", "", Email, []string{sum("ada.l+shop@example.com"), sum("ada.l@example.com"), sum("adal@example.com"), sum("adal+shop@example.com")}},
		{"+49 170 1234567", "", Phone, []string{sum("+491701234567")}},
		{"0170 1234567", "", Number, []string{sum("+491701234567"), sum("0170 1234567")}},
		{"CDDA802E-FB9C-47AD-9866-0794D394C912", "", Device, []string{hex.EncodeToString(md[:]), sum("cdda802e-fb9c-47ad-9866-0794d394c912")}},
		{strings.Repeat("AB", 32), "", Digest, []string{strings.Repeat("ab", 32), sum(strings.Repeat("AB", 32))}},
		{"4711", "", Text, []string{sum("4711"), sum("\xce\x49"), sum("\x084711"), sum("\x00\x00\x12\x67"), sum("\x00\x00\x00\x00\x00\x00\x12\x67")}},
		{"id=4711", "key", Key, []string{sum("\xce\x49"), sum(`{"id":4711}`), sum(`{"id":"4711"}`)}},
		{"shop=de,id=7", "key", Key, []string{sum("\x04de\x0e"), sum(`{"shop":"de","id":7}`)}},
		{"a,b=c&d", "key", Key, []string{sum("\x0ea,b=c&d"), sum(`"a,b=c&d"`)}},
		{"id=a&b<c", "", Text, []string{sum(`{"id":"a&b<c"}`)}},
		{"someone@nowhere", "", Text, []string{sum("someone@nowhere")}},
		{"a/1/2", "event-id", EventID, []string{sum("a/1/2")}},
	} {
		q, err := Recognise(c.text, c.as, []identity.Country{german})
		if err != nil || q.As != c.want || q.Place != nil {
			t.Errorf("%s: taken for %v, %v; want %s", c.text, q, err, c.want)
			continue
		}
		for _, form := range c.forms {
			if !slices.Contains(hexes(q), form) {
				t.Errorf("%s: the form %s is missing", c.text, form)
			}
		}
		if len(q.Digests) > mostDigests {
			t.Errorf("%s: %d forms", c.text, len(q.Digests))
		}
	}
}

func TestAPositionIsRecognised(t *testing.T) {
	q, err := Recognise("shop.public.orders/2/1041", "", nil)
	if err != nil || q.Place == nil || q.Place.Topic != "shop.public.orders" || q.Place.Partition != 2 || q.Place.Offset != 1041 {
		t.Errorf("got %+v, %v", q, err)
	}
}

func TestWhatCannotBeTakenForThatIsAnErrorThatDoesNotRepeatIt(t *testing.T) {
	for _, as := range []As{Place, Digest, Phone} {
		if _, err := Recognise("ada@example.com", as, nil); err == nil || strings.Contains(err.Error(), "ada") {
			t.Errorf("as %s: %v", as, err)
		}
	}
	if _, err := Recognise("ada", Email, nil); err == nil || strings.Contains(err.Error(), "ada") {
		t.Errorf("as an address: %v", err)
	}
	if _, err := Recognise(" \n", "", nil); err == nil {
		t.Error("nothing to look for is not an error")
	}
	if _, err := Asked("number", slices.Repeat([]string{sum("x")}, mostDigests+1), ""); err == nil {
		t.Error("too many digests are cut off in silence")
	}
	for as := range kinds {
		if as.Words() == "" {
			t.Errorf("%s: an answer does not say what it was taken for", as)
		}
	}
	if _, err := Asked("email", []string{"ada@example.com"}, ""); err == nil || strings.Contains(err.Error(), "ada") {
		t.Errorf("clear text from a browser: %v", err)
	}
	if _, err := Asked("email", nil, ""); err == nil {
		t.Error("nothing to look for is not an error")
	}
}
