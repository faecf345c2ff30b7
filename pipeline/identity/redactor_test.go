package identity

import (
	"net/url"
	"strings"
	"testing"
)

func TestTextsLoseAddressesAndNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"ada@example.com":                        Redacted,
		"order of ada.l+x@mail.example.com, 2nd": "order of [redacted], 2nd",
		"a@b.de and c@d.fr":                      "[redacted] and [redacted]",
		"Ada <ada@example.com>":                  "Ada <[redacted]>",
		"mailto:ADA@EXAMPLE.COM.":                "mailto:[redacted].",
		"ada@example.com.123":                    Redacted,
		"jürgen@müller.example":                  Redacted,
		"call +1 (415) 555-2671 2 times":         "call [redacted] 2 times",
		"+49 (0)30 123456":                       Redacted,
		"+14155552671;+442071838750":             "[redacted];[redacted]",
		"(+44) 20 7183 8750":                     "([redacted]",
		"+49151123@s.whatsapp.net":               "[redacted]@s.whatsapp.net",
		"c# +14155552671":                        "c# [redacted]",
		"see ada%40example.com":                  Redacted,
		"see ada%2540example%252ecom":            Redacted,
		"%61%64%61%25%34%30example.com":          Redacted,
		"https://x.example/?a=1&m=ada%40x.org":   "https://x.example/?a=1&m=[redacted]",

		`"ada secret"@example.com`:              Redacted,
		`to "a \"b\" c"@example.com, now`:       "to [redacted], now",
		`say "hi"@ shop.example`:                `say "hi"@ shop.example`,
		`""@example.com`:                        `""@example.com`,
		"https://x.example/?phone=4155550123":   "https://x.example/?phone=[redacted]",
		"/account?phone=4155550123":             Redacted,
		"see https://x.example/?tel=4155550123": Redacted,
		"phone=none & order=4155550123":         "phone=none & order=4155550123",
		"hotel=4155550123":                      "hotel=4155550123",

		"":                            "",
		"red shoes":                   "red shoes",
		"3@1.50 EUR":                  "3@1.50 EUR",
		"@shop.example":               "@shop.example",
		"ada@localhost":               "ada@localhost",
		"ORDER-14155552671":           "ORDER-14155552671",
		"14155552671":                 "14155552671",
		"4006381333931":               "4006381333931",
		"iphone+14155552671":          "iphone+14155552671",
		"+1 2 3":                      "+1 2 3",
		"+14155552671999":             "+14155552671999",
		"2026-08-01T12:00:00+0200":    "2026-08-01T12:00:00+0200",
		"12:00 +02:00":                "12:00 +02:00",
		"50% off & 100%25 wool":       "50% off & 100%25 wool",
		"+0 123 456 789":              "+0 123 456 789",
		"https://shop.example/@shoes": "https://shop.example/@shoes",
	} {
		r := &Redactor{}
		got, found := r.Text([]byte(text))
		if string(got) != want || found != (want != text) {
			t.Errorf("%q: got %q %v, want %q", text, got, found, want)
		}
	}
}

func TestURLsLoseAddressesAndNumbersAndNothingElse(t *testing.T) {
	const page = "https://shop.example/a%20b/c?ttclid=E.C.P.a+b_%2F-&utm_source=tiktok&"
	for text, want := range map[string]string{
		page + "payer_email=ada%40example.com&x=1#top":         page + "payer_email=[redacted]&x=1#top",
		page + "e=ada@example.com":                             page + "e=[redacted]",
		page + "e=ada%2Btag%2540example.com":                   page + "e=[redacted]",
		page + "e=ada+tag@example.com&y":                       page + "e=[redacted]&y",
		page + "e=%61da%40EXAMPLE%2ecom":                       page + "e=[redacted]",
		page + "next=https%3A%2F%2Fx%2F%3Fe%3Dada%252540x.org": page + "next=[redacted]",
		page + "ada@example.com":                               page + "[redacted]",
		page + "ada@example.com=1":                             page + "[redacted]",
		page + "amp;mail=ada@example.com":                      page + "amp;mail=[redacted]",
		page + "q=%2B14155552671":                              page + "q=[redacted]",
		page + "q=+1+415+555+2671":                             page + "q=[redacted]",
		page + "phone=4155552671":                              page + "phone=[redacted]",
		page + "customerPhoneNumber=415-555-2671":              page + "customerPhoneNumber=[redacted]",
		page + "billing%5Btel%5D=%28415%29%205552671":          page + "billing%5Btel%5D=[redacted]",
		page + "MSISDN=14155552671&b":                          page + "MSISDN=[redacted]&b",
		page + "mobile_no2=04155552671":                        page + "mobile_no2=[redacted]",
		page + "a=b#/user/ada@example.com?m=1":                 page + "a=b#/user/[redacted]?m=1",
		page + "a=b#mail=ada%40example.com&c=d":                page + "a=b#mail=[redacted]&c=d",
		"https://ada:pw@shop.example/x":                        "https://shop.example/x",
		"https://ada%40example.com:pw@shop.example":            "https://shop.example",
		"https://ada%40example.com/x":                          "https://[redacted]/x",
		"tel://+14155552671":                                   "tel://[redacted]",
		"https://shop.example/u/ada@example.com/edit":          "https://shop.example/u/[redacted]/edit",
		"https://shop.example/u/ada%40example.com?a=b":         "https://shop.example/u/[redacted]?a=b",
		"https://shop.example/u;email=ada@x.org/edit":          "https://shop.example/u;email=[redacted]/edit",

		page + "ph%6Fne=4155550128":                        page + "ph%6Fne=[redacted]",
		page + "user_phon%65=4155550128":                   page + "user_phon%65=[redacted]",
		page + "billing%255Bphone%255D=4155550129":         page + "billing%255Bphone%255D=[redacted]",
		page + "return_to=%2Faccount%3Fphone%3D4155550127": page + "return_to=[redacted]",
		page + "redirect=/account?phone=4155550123":        page + "redirect=[redacted]",
		page + "x=1%26phone%3D4155550123&y":                page + "x=[redacted]&y",
		page + "phone%3D4155550123":                        page + "[redacted]",
		page + "x=%2522%253Ftel%253D4155550123":            page + "x=[redacted]",
		"https://shop.example/a%3Ffax%3D4155550123/b":      "https://shop.example/[redacted]/b",
		page + "e=%22ada%20secret%22%40example.com":        page + "e=[redacted]",

		page + "next=%2Fa%3Fphone%3D%26order%3D14155552671": "",
		page + "next=%2Fa%3Forder%3D14155552671":            "",
		page + "x%3Dhotel%3D14155552671":                    "",

		page + "order=14155552671&phone_id=123456789": "",
		page + "hotel=12345678&iphone_model=1234567":  "",
		page + "phone=iphone-14&tel=&mobile":          "",
		page + "q=red+%26+blue%2Fgreen":               "",
		page + "ids=1+2+3+4155552671":                 "",
		"https://shop.example/@brand?via=@brand":      "",
		"https://[2001:db8::1]:8080/":                 "",
		"https://shop.example?":                       "",
	} {
		r := &Redactor{}
		if want == "" {
			want = text
		}
		got, found := r.URL([]byte(text))
		if string(got) != want || found != (want != text) {
			t.Errorf("%q: got %q %v, want %q", text, got, found, want)
		}
	}
}

func TestTheFastNoKnowsEveryWord(t *testing.T) {
	for _, word := range append(phoneWords, numberWords...) {
		if !endsLikeOne([]byte(strings.ToUpper(word))) {
			t.Errorf("%s is not looked at", word)
		}
	}
}

// undone is the oracle: it takes percent-encoding off again and again, as readers of a URL do.
func undone(text string) string {
	for {
		var b strings.Builder
		for i := 0; i < len(text); i++ {
			if c, err := url.PathUnescape(text[i:min(i+3, len(text))]); err == nil && text[i] == '%' {
				b.WriteString(c)
				i += 2
				continue
			}
			b.WriteByte(text[i])
		}
		if b.String() == text {
			return text
		}
		text = b.String()
	}
}

func FuzzNoMarkedAddressOrNumberIsLeft(f *testing.F) {
	for _, seed := range []string{"", "https://x.example/?a=%s&b", "%25", "https://%s@x/#a=%s", "a%sb", "%%34%30%s.org", "+%s", "(%s) / ", "%", "\xff%s\xff", "ada@%s@x.org"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, form string) {
		for _, mark := range []string{"Marked.Person@Mail.Example", "+1 213-373-4253", "%2B12133734253", "marked.person%2540mail%2Eexample"} {
			for _, split := range []string{"%s", "a"} {
				text := strings.ReplaceAll(form, split, " "+mark+" ")
				lookFor(t, text)
				lookFor(t, strings.ReplaceAll(form, split, "="+url.QueryEscape(mark)+"&"))
			}
		}
		for _, pair := range []string{"&phone=12133734253&", "?user_phon%65=1-213-373-4253&", "%3Fbilling%255Bphone%255D%3D12133734253%26", "%2526tel%253D12133734253%2526"} {
			lookFor(t, strings.ReplaceAll(form, "%s", pair))
			lookFor(t, "https://x.example/?q="+url.QueryEscape(strings.ReplaceAll(form, "%s", pair)))
		}
	})
}

func lookFor(t *testing.T, text string) {
	r := &Redactor{}
	for name, redact := range map[string]func([]byte) ([]byte, bool){"text": r.Text, "url": r.URL} {
		out, found := redact([]byte(text))
		plain := strings.ToLower(undone(string(out)))
		digits := strings.NewReplacer(" ", "", "-", "", "+", "").Replace(plain)
		if strings.Contains(plain, "marked.person@mail.example") || strings.Contains(digits, "12133734253") {
			t.Errorf("%s of %q: %q still has it", name, text, out)
		}
		if !found && string(out) != text {
			t.Errorf("%s of %q: changed to %q, and not said", name, text, out)
		}
	}
}

func BenchmarkTheUsualURL(b *testing.B) {
	url := []byte("https://shop.example/thanks?order=123456&utm_source=tiktok&ttclid=E.C.P.abcdefghijklmnopqrstuvwxyz")
	r := &Redactor{}
	b.ReportAllocs()
	for b.Loop() {
		r.URL(url)
	}
}

// BenchmarkHostileTexts has texts of the greatest length that try each loop: their cost must stay in proportion to their length.
func BenchmarkHostileTexts(b *testing.B) {
	for name, unit := range map[string]string{"at": "a@", "plus": "+", "plus and digit": "+1 ", "percent": "%25", "percents": "%", "dots": "a@b.", "pairs": "tel=1&", "equals": "=", "named": "tel=", "quoted": `\"@`} {
		text := []byte("https://x/?" + strings.Repeat(unit, 8192/len(unit)))
		b.Run(name, func(b *testing.B) {
			r := &Redactor{}
			for b.Loop() {
				r.URL(text)
				r.Text(text[11:])
			}
		})
	}
}
