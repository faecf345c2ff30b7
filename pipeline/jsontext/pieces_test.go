package jsontext

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestPiecesAreTheTextsOfTheDocument compares with the standard library: the names, the other texts, and nothing lost between.
func TestPiecesAreTheTextsOfTheDocument(t *testing.T) {
	for _, text := range []string{
		`{}`, `"a"`, `[]`, ` { "a" : "b" , "c" : [ "d", {"e":null} ], "":1.5 } `, `{"a\"b":"c\\","d\\\"":"\u00e9 : \" {"}`, `["a:","b" ,":"]`, `{"a":{"b":{"c":"a"}}}`, `12`,
	} {
		var names, texts, gotNames, gotTexts []string
		d := json.NewDecoder(strings.NewReader(text))
		walkTokens(t, d, &names, &texts)
		for p := range Pieces([]byte(text)) {
			if plain, ok := Unescape(nil, p.Text); ok && p.IsName {
				gotNames = append(gotNames, string(plain))
			} else if p.Quoted {
				gotTexts = append(gotTexts, string(plain))
			}
		}
		if !slices.Equal(names, gotNames) || !slices.Equal(texts, gotTexts) {
			t.Errorf("%s: got names %q and texts %q, want %q and %q", text, gotNames, gotTexts, names, texts)
		}
		for cut := range len(text) + 1 {
			same := Rewrite(nil, []byte(text[:cut]), func(to, _, value []byte) []byte { return append(to, value...) })
			if string(same) != text[:cut] {
				t.Errorf("%s: rewritten as %s", text[:cut], same)
			}
		}
	}
}

// walkTokens reads one value.
func walkTokens(t *testing.T, d *json.Decoder, names, texts *[]string) {
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	switch v := token.(type) {
	case string:
		*texts = append(*texts, v)
	case json.Delim:
		for d.More() {
			if v == '{' {
				name, _ := d.Token()
				*names = append(*names, name.(string))
			}
			walkTokens(t, d, names, texts)
		}
		_, _ = d.Token()
	}
}

func TestAWalkEndsAtAFaultAndGivesWhatThereIs(t *testing.T) {
	w := Walk([]byte(`{"a":1, "b":[true,"x`))
	if !w.Next() || string(w.Name) != "a" || string(w.Value) != "1" {
		t.Fatalf("first member: %s %s", w.Name, w.Value)
	}
	if w.Next() || !w.Bad || string(w.Name) != "b" || string(w.Value) != `[true,"x` {
		t.Errorf("the cut member: %s %s, bad %v", w.Name, w.Value, w.Bad)
	}
}
