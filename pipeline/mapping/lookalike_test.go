package mapping

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// TestATextInBracketsIsAListOrRefused: it is never one id.
func TestATextInBracketsIsAListOrRefused(t *testing.T) {
	const refused = "refused"
	for text, want := range map[string]string{
		"[SKU-1,SKU-2]": "SKU-1|SKU-2", "[SKU-1, SKU-2]": "SKU-1|SKU-2", "['SKU-1', 'SKU-2']": "SKU-1|SKU-2", "{SKU-1,SKU-2}": "SKU-1|SKU-2",
		`{"a, b",c,NULL}`: "a, b|c", `["a","b"]`: "a|b", "[1, 2.0]": "1|2", "[one]": "one", " {one} ": "one", `["it's", 'b']`: "it's|b", "[]": "", "{}": "", "[ , ]": "",
		"[a,,b]": "a|b", "[o'neil]": "o'neil", "{6F9619FF-8B86-D011-B42D-00C04FC964FF}": "{6F9619FF-8B86-D011-B42D-00C04FC964FF}",
		"{{ttclid}}": "{{ttclid}}", "[object Object]": "[object Object]", "[a": "[a", "a]": "a]", "[a}": "[a}", "x{a}": "x{a}",
		"[a,[b]]": refused, `{"a":1}`: refused, "{a}{b}": refused, `["a" "b"]`: refused, `['a\'b']`: refused, "['a]": refused, "[1,2": refused, "{a,b": refused, "['a','b": refused, "[a,b}": refused, "{{a,b},{c,d}}": refused,
	} {
		f, cols, r := field(t, "a"), &Columns{}, NewRow(clockAtNoon)
		get := f.Compile("f", cols)
		r.Begin(change(cols, pipeline.Insert, nil, columns{"a": str(text)}))
		values, err := get.Values(r, nil)
		var texts []string
		for _, v := range values {
			texts = append(texts, v.Text())
		}
		got := strings.Join(texts, "|")
		if rejection, ok := err.(*pipeline.Rejection); ok && rejection.Reason == pipeline.WrongType {
			got = refused
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestASeparatorIsForWhatIsNoList(t *testing.T) {
	for text, want := range map[string]string{"[a,b]": "a|b", "{a};{b}": "{a}|{b}", "a;b": "a|b"} {
		f, cols, r := field(t, "{column: a, separator: ;}"), &Columns{}, NewRow(clockAtNoon)
		get := f.Compile("f", cols)
		r.Begin(change(cols, pipeline.Insert, nil, columns{"a": str(text)}))
		values, err := get.Values(r, nil)
		var texts []string
		for _, v := range values {
			texts = append(texts, v.Text())
		}
		if got := strings.Join(texts, "|"); got != want || err != nil {
			t.Errorf("%s: got %s and %v, want %s", text, got, err, want)
		}
	}
}

// FuzzElements: no element keeps a bracket it was in, and nothing is read twice.
func FuzzElements(f *testing.F) {
	for _, text := range []string{"[a,b]", "{a, 'b'}", `["a`, "[,]", "{}", "[']", `{"a""b"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !looksLikeList([]byte(text)) {
			return
		}
		values, ok := elements([]byte(text), nil)
		length := 0
		for _, v := range values {
			length += len(v.Bytes())
		}
		if ok && length > len(text)-2 || len(values) > len(text) {
			t.Errorf("%q: %d bytes in %d elements", text, length, len(values))
		}
	})
}
