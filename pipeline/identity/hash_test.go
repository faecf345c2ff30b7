package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"
)

const aliceHex = "ff8d9819fc0e12bf0d24892e45987e249a28dce836a85cad60e28eaaa8c6d976"

func alice(t testing.TB) Hash {
	h, err := Email{}.Hash([]byte("alice@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAHashLeavesOnlyThroughItsTwoMethods(t *testing.T) {
	h := alice(t)
	if got := string(h.AppendHex([]byte("id="))); got != "id="+aliceHex {
		t.Errorf("got %s, want id=%s", got, aliceHex)
	}
	if got := fmt.Sprintf("%x", h.AppendDigest(nil)); got != aliceHex {
		t.Errorf("got %s, want %s", got, aliceHex)
	}
}

func TestAHashNeverPrints(t *testing.T) {
	h := alice(t)
	type item struct{ Email Hash }
	type private struct{ email Hash }
	holders := map[string]any{
		"value": h, "pointer": &h, "field": item{h}, "private field": private{h}, "private field by pointer": &private{h},
		"slice": []Hash{h}, "map key": map[Hash]int{h: 1}, "map value": map[string]Hash{"email": h}, "interface": []any{h},
	}
	for name, v := range holders {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%08b", "%T %v"} {
			mustNotShow(t, name+" "+verb, fmt.Sprintf(verb, v))
		}
		mustNotShow(t, name+" JSON", asJSON(t, v))
		mustNotShow(t, name+" slog", asLog(v))
		mustNotShow(t, name+" template", asTemplate(t, v))
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, h); got != redacted {
			t.Errorf("%s: got %s, want %s", verb, got, redacted)
		}
	}
	if got := asJSON(t, item{h}); got != `{"Email":"[redacted]"}` {
		t.Errorf("JSON: got %s", got)
	}
}

// mustNotShow looks for the digest in the spellings the standard library would print it in.
func mustNotShow(t *testing.T, where, got string) {
	digest := alice(t).AppendDigest(nil)
	for _, spelling := range []string{"%x", "%X", "% x", "%d", "%#v", "%08b"} {
		shown := strings.Trim(fmt.Sprintf(spelling, digest), "[]")
		if strings.Contains(got, shown[:12]) {
			t.Errorf("%s shows the digest as %s", where, spelling)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func asLog(v any) string {
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "v", v)
	return b.String()
}

func asTemplate(t *testing.T, v any) string {
	var b strings.Builder
	if err := template.Must(template.New("").Parse("{{.}}")).Execute(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEqualDigestsAreEqualHashes(t *testing.T) {
	stored, err := ParseHash(SHA256, []byte(strings.ToUpper(aliceHex)))
	if err != nil {
		t.Fatal(err)
	}
	if seen := map[Hash]int{alice(t): 1}; seen[stored] != 1 {
		t.Error("a stored digest is not the hash it was made from")
	}
}

func TestTheZeroHashIsNone(t *testing.T) {
	var h Hash
	if !h.IsZero() || h.algorithm != 0 || len(h.AppendHex(nil)) != 0 || len(h.AppendDigest(nil)) != 0 {
		t.Error("the zero Hash holds something")
	}
	if alice(t).IsZero() {
		t.Error("a hash is none")
	}
}

func TestAHashKnowsItsAlgorithm(t *testing.T) {
	device := []byte("ea7583cd-a667-48bc-b806-42ecb2b48606")
	sha, _ := DeviceID{}.Hash(device)
	short, _ := DeviceID{MD5: true}.Hash(device)
	if sha.algorithm != SHA256 || len(sha.AppendHex(nil)) != 64 {
		t.Errorf("got algorithm %d and %d digits, want SHA256 and 64", sha.algorithm, len(sha.AppendHex(nil)))
	}
	if short.algorithm != MD5 || len(short.AppendHex(nil)) != 32 {
		t.Errorf("got algorithm %d and %d digits, want MD5 and 32", short.algorithm, len(short.AppendHex(nil)))
	}
}

func TestDigestsOfTheWrongShapeAreRefused(t *testing.T) {
	md5Hex, sha1Hex := aliceHex[:32], aliceHex[:40]
	cases := []struct {
		name      string
		algorithm Algorithm
		text      string
		want      Rule
	}{
		{"empty", SHA256, "", RuleNotHashed},
		{"text", SHA256, "alice@example.com", RuleNotHashed},
		{"white space", SHA256, aliceHex + " ", RuleNotHashed},
		{"not hexadecimal", SHA256, aliceHex[:63] + "g", RuleNotHashed},
		{"MD5 for SHA-256", SHA256, md5Hex, RuleWrongDigest},
		{"SHA-1", SHA256, sha1Hex, RuleWrongDigest},
		{"SHA-256 for MD5", MD5, aliceHex, RuleWrongDigest},
		{"no algorithm", 0, aliceHex, RuleWrongDigest},
		{"unknown algorithm", 9, aliceHex, RuleWrongDigest},
		{"of empty text", SHA256, digestOf("", false), RuleKnownEmptyDigest},
		{"MD5 of empty text", MD5, digestOf("", true), RuleKnownEmptyDigest},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if h, err := ParseHash(c.algorithm, []byte(c.text)); !errors.Is(err, c.want) || !h.IsZero() {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
