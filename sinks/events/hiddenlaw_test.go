package events

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
)

const hiddenConfig = `
web_events:
  pixel_code: CTESTPIXELCODE000000
  event: Purchase
  event_id: {column: id}
  custom_properties: true
  cookies: cookies
  fields:
    event_time: {now: true}
    page.url: {column: url, default: "https://shop.example/"}
    page.referrer: {column: url, parameter: redirect, on_invalid: omit}
    user.email: email
    user.city: {column: url, parameter: x}
    properties.contents: {content_id: {column: url, parameter: q}, content_name: {column: url, parameter: phone}}
    properties.content_ids: {column: url, parameter: redirect, separator: ","}
    properties.query: {column: url, parameter: q}
    properties.order_id: {column: url, parameter: phone}
    properties.description: {column: text}
    properties.own: {column: url, parameter: x}
    properties.own2: {columns: [text, url], parameter: phone}
`

// TestNoNumberIsHiddenByWhereItIs is promise P3 for numbers that only their place shows: behind a + that is a blank elsewhere, or in a
// parameter named for them, whatever is encoded of its name and whatever URL it is in. Each row has one, and no request has its digits.
func TestNoNumberIsHiddenByWhereItIs(t *testing.T) {
	for name, config := range map[string]string{
		"page":             hiddenConfig,
		"page in the page": strings.Replace(hiddenConfig, "page.url: {column: url, ", "page.url: {column: url, parameter: redirect, ", 1),
	} {
		t.Run(name, func(t *testing.T) { wantNoneSent(t, config) })
	}
}

func wantNoneSent(t *testing.T, config string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := hider{rand.New(rand.NewPCG(seed, 3))}
	s, sent := loadSync(t, config), 0
	for i := range 5 * *lawRows {
		row := map[string]string{"id": fmt.Sprint("row ", i), "email": "ada@example.com"}
		h.hide(row)
		line, _ := json.Marshal(row)
		s.items.Reset()
		if s.maker.Make(&s.items, 0, readChange(t, &s.columns, string(line))) != nil {
			continue
		}
		sent++
		var event any
		if err := json.Unmarshal(s.items.Body(0), &event); err != nil {
			t.Fatal(err)
		}
		if wantNoMarks(t, event); t.Failed() {
			t.Fatalf("of the row %s", line)
		}
	}
	if sent < 3**lawRows {
		t.Errorf("%d rows were sent: too few to tell", sent)
	}
}

type hider struct{ *rand.Rand }

func (h hider) of(list ...string) string { return list[h.IntN(len(list))] }

// hide puts the marked number into a column of the row.
func (h hider) hide(row map[string]string) {
	switch h.IntN(4) {
	case 0:
		row["cookies"] = h.of("a=b; ", "", "c; ") + h.of("_ttp", "ttclid") + "=" + h.often("+"+markedNumber, url.PathEscape, url.QueryEscape, percent) + h.of("", "; d=e")
	case 1:
		row["url"] = "https://shop.example/a" + h.of("?", "?b=c&") + h.of("q", "x", "phone", "redirect", "ttclid") + "=" + h.plus() + h.of("", "&d=e", "#f")
	case 2:
		row["url"] = "https://shop.example/a" + h.of("?", "?b=c&") + h.pair() + h.of("", "&d=e", "#f")
	case 3:
		row["text"] = h.of("https://shop.example/?", "/account?a=b&", "see https://shop.example/?", "a=b&") + h.pair()
	}
}

// plus is the number behind a + that may be a blank, perhaps in a URL.
func (h hider) plus() string {
	return h.of("", "https://x.example/?e=", "https://x.example/?ttclid=", "https://x.example/?m=a@b.cc%26e=", "a,", "+") + h.of("+"+markedNumber, "+1+213+373+4253", "%2B"+markedNumber, "+1-213-373-4253")
}

// pair is a parameter for phone numbers, or one that has a query with it.
func (h hider) pair() string {
	name := h.of("phone", "user_phone", "billing[phone]", "customerPhoneNumber", "mobile_no", "tel", "x-tel", "whatsapp", "CELL", "phone2")
	pair := h.often(h.some(name), url.QueryEscape, url.PathEscape, h.some) + "=" + h.of(markedNumber, "1-213-373-4253", "(1)+213+373+4253", "1.213.373.4253", "%31"+markedNumber[1:])
	for range h.IntN(4) {
		outer := h.of("q=", "x=", "redirect=", "phone=", "")
		pair = outer + h.encoded(h.of("/account?", "https://x.example/?a=b&", "1&", "")+pair, url.QueryEscape, url.PathEscape, percent, h.some)
	}
	return pair
}

// some encodes some of the letters.
func (h hider) some(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if 'a' <= c|0x20 && c|0x20 <= 'z' && h.IntN(3) == 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// often encodes the text up to three times.
func (h hider) often(text string, encodings ...func(string) string) string {
	for range h.IntN(4) {
		text = h.encoded(text, encodings...)
	}
	return text
}

func (h hider) encoded(text string, encodings ...func(string) string) string {
	return encodings[h.IntN(len(encodings))](text)
}

// TestWhatHidesNothingStays is the other side: digits in a parameter that is not named for them, wherever it is, are order numbers.
func TestWhatHidesNothingStays(t *testing.T) {
	s := loadSync(t, hiddenConfig)
	row := `{"id":"1","email":"ada@example.com","url":"https://shop.example/?q=a+b%26order%3D14155550123&x=Paris&ttclid=E.C.P.x%2By&redirect=%2Fhotel%3D12345678","text":"phone=none & order=4155550123"}`
	if err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, row)); err != nil {
		t.Fatal(err)
	}
	body := string(s.items.Body(0))
	for _, want := range []string{`"query":"a b&order=14155550123"`, `"own":"Paris"`, `"ttclid":"E.C.P.x+y"`, `"description":"phone=none & order=4155550123"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if strings.Contains(body, "redacted") {
		t.Errorf("something is masked: %s", body)
	}
}
