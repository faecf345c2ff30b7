package settings

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"
	"unicode/utf8"
)

const everything = `
kafka: {brokers: [a:9092], group: "$$dollar ${NAME}", tls: {insecure_skip_verify: true}}
connections: {main: {advertiser_id: "0123", base_url: "https://shop.example/?a=1#b"}, Other: {base_url: "yes"}}
limits: {calls: 7, rate: 0.25, wait: 1d, memory: 16MiB, shrink: 50%, enabled: true}
syncs:
  - {name: web, start: fail, topics: [x, "y z"], fields: {user.email: email, page.url: {column: u, default: "- {x: y}"}}}
  - {name: "true"}
labels: {none: null, empty: "", list: ["", [], {}, null, 0, false], expr: 'a.b == "<x>" && c'}
`

func TestTheEffectiveConfigurationIsReadBackAsItWas(t *testing.T) {
	s := load(t, everything)
	printed := Effective(s)
	compare(t, "testdata/effective.yaml", string(printed))
	again := load(t, string(printed))
	if !reflect.DeepEqual(again, s) {
		t.Errorf("got  %+v\nwant %+v", again, s)
	}
	if got := string(Effective(struct{}{})); got != "{}\n" {
		t.Errorf("nothing: got %q", got)
	}
}

func TestWhatIsSecretInAURLIsNotPrinted(t *testing.T) {
	for given, want := range map[string]string{
		"https://idp.example/token?client_secret=s3&realm=a#b":   "https://idp.example/token?client_secret=[redacted]&realm=a#b",
		"https://idp.example/token?a=1&Access-Token=s3":          "https://idp.example/token?a=1&Access-Token=[redacted]",
		"https://registry.example?api_key=s3":                    "https://registry.example?api_key=[redacted]",
		"https://registry.example/?sig=s3&key=s3&token=":         "https://registry.example/?sig=[redacted]&key=[redacted]&token=",
		"https://me:p@ss@proxy.example:3128":                     "https://[redacted]@proxy.example:3128",
		"https://me:s3@proxy.example:3128/x?password=s3;y=@":     "https://[redacted]@proxy.example:3128/x?password=[redacted]",
		"https://shop.example/?utm_source=a&keyword=shoes#token": "https://shop.example/?utm_source=a&keyword=shoes#token",
		"no url?secret=but text":                                 "no url?secret=but text",
	} {
		if got := withoutPassword(given); got != want {
			t.Errorf("%s: got %s, want %s", given, got, want)
		}
	}
}

func FuzzTextIsPrintedAndReadBack(f *testing.F) {
	for _, s := range []string{"", "a", "on", "~", "$$", "${X}", "a: b", "# c", "- x", "é\u2028\x7f", "0123", "1e3", "\t\r\n", "\"'\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || withoutPassword(s) != s {
			return
		}
		in := shop{Labels: map[string]any{"k": s}, Connections: map[string]connection{"k" + s: {BaseURL: s, AdvertiserID: "x"}}}
		var out shop
		r := Load(Effective(in), &out, Lookup{})
		got := out.Connections["k"+s].BaseURL
		if r.Err() != nil || got != s || out.Labels["k"] != s {
			t.Errorf("got %q and %v, want %q; printed:\n%s", got, r.Err(), s, Effective(in))
		}
	})
}

func TestTheSchemaDescribesEverySetting(t *testing.T) {
	got, err := json.MarshalIndent(Schema(shop{}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "testdata/schema.json", string(got)+"\n")
	if again, _ := json.MarshalIndent(Schema(&shop{}), "", "  "); !bytes.Equal(got, again) {
		t.Error("got another schema the second time")
	}
}

type tree struct {
	Name     string `yaml:"name"`
	Children []tree `yaml:"children"`
}

func TestATypeWithinItselfEnds(t *testing.T) {
	inner := Schema(tree{})["properties"].(map[string]any)["children"].(map[string]any)["items"]
	if want := map[string]any{"type": "object"}; !reflect.DeepEqual(inner, want) {
		t.Errorf("got %v, want %v", inner, want)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(everything))
	cases, _ := os.ReadDir("testdata/problems")
	for _, c := range cases {
		text, _ := os.ReadFile("testdata/problems/" + c.Name())
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s shop
		r := Load(text, &s, Vars(variables))
		s.Validate(Root(r))
		for _, p := range r.Problems() {
			if p.Line < 0 || p.Line > len(text)+1 || p.Rule == "" {
				t.Errorf("got %+v in a text of %d bytes", p, len(text))
			}
		}
		Effective(s)
	})
}
