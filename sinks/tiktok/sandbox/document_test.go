package sandbox

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

var documents = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `-1.5e+10`, `1E5`, `true`, `false`, `null`, ` {"a" : [1 , {"b":"c\"\\\/\b\f\n\r\t"}] } `,
	`"\u00e9\ud83d\ude00"`, `"é😀"`, `[[[[]]]]`, `{"a":{"a":{}}}`, `{"\u0061":1}`,
	``, ` `, `{`, `}`, `[1,]`, `[,1]`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{1:1}`, `01`, `1.`, `.5`, `1e`, `+1`, `--1`, `tru`, `nul`, `True`,
	`"a`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"\n\"", "\"\x00\"", `[1 2]`, `{"a":1 "b":2}`, `1 2`, `[1]]`, `NaN`, `Infinity`, `'a'`, "\xef\xbb\xbf{}",
	"/* */1", "[1\x0b]", `{"a":1}x`,
}

// stricter are documents encoding/json takes and TikTok's simulator does not.
var stricter = []string{"\"\xff\"", `"\ud800"`, `"\udc00"`, `"\ud800a"`, `"\ud800\u0041"`, "{\"\xc3\":1}", strings.Repeat("[", 70) + strings.Repeat("]", 70)}

func TestTheParserAgreesWithEncodingJSON(t *testing.T) {
	for _, text := range documents {
		var d document
		if got, want := d.parse([]byte(text)) == nil, json.Valid([]byte(text)); got != want {
			t.Errorf("%q: got valid %v, want %v", text, got, want)
		}
	}
	for _, text := range stricter {
		var d document
		if d.parse([]byte(text)) == nil || !json.Valid([]byte(text)) {
			t.Errorf("%q: want it refused here and taken by encoding/json", text)
		}
	}
}

// rebuild writes a document the way encoding/json does.
func rebuild(v value) any {
	switch v.kind() {
	case jsontext.Object:
		m := map[string]any{}
		for e := range v.each {
			m[string(e.key())] = rebuild(e)
		}
		return m
	case jsontext.Array:
		list := []any{}
		for e := range v.each {
			list = append(list, rebuild(e))
		}
		return list
	case jsontext.String:
		return string(v.text())
	case jsontext.Null:
		return nil
	}
	var scalar any
	decoder := json.NewDecoder(bytes.NewReader(v.raw()))
	decoder.UseNumber()
	_ = decoder.Decode(&scalar)
	return scalar
}

func same(t *testing.T, text []byte) {
	var d document
	err := d.parse(text)
	if !json.Valid(text) {
		if err == nil {
			t.Fatalf("%q: taken, but it is not JSON", text)
		}
		return
	}
	if err != nil {
		if utf8.Valid(text) && !bytes.Contains(text, []byte(`\u`)) && bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) <= maxDepth {
			t.Fatalf("%q: refused, but it is plain JSON", text)
		}
		return
	}
	var want any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(rebuild(d.root()))
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Fatalf("%q: got %s, want %s", text, a, b)
	}
}

func TestTheParserReadsWhatEncodingJSONReads(t *testing.T) {
	for _, text := range documents {
		same(t, []byte(text))
	}
	same(t, []byte(batchOf(3, "x")))
}

func FuzzTheParserReadsWhatEncodingJSONReads(f *testing.F) {
	for _, text := range append(documents, stricter...) {
		f.Add([]byte(text))
	}
	f.Add([]byte(batchOf(2, "x")))
	f.Fuzz(same)
}

func FuzzNoBodyBreaksTheSimulator(f *testing.F) {
	f.Add(0, web(ev()))
	f.Add(1, one(""))
	f.Add(2, batch(legacy("")))
	f.Add(3, `{"advertiser_id":"7000000000000000001","custom_audience_name":"a"}`)
	f.Add(4, mapped("add", `["EMAIL_SHA256"]`, "["+elem(mail, "71")+"]"))
	f.Add(5, `{"advertiser_id":"7000000000000000001","custom_audience_id":"71","file_paths":["0123456789abcdef"]}`)
	paths := []string{"/event/track/", "/pixel/track/", "/pixel/batch/", "/segment/audience/", "/segment/mapping/", files + "update/", files + "create/", files + "delete/"}
	s := New(quiet())
	f.Fuzz(func(t *testing.T, path int, body string) {
		got := post(t, s, paths[uint(path)%uint(len(paths))], body)
		if got.Status != 200 || got.RequestID == "" {
			t.Fatalf("got %s, want an envelope", got)
		}
		if !json.Valid([]byte(body)) && got.Code != 40002 {
			t.Fatalf("got %s for what is not JSON, want 40002", got)
		}
	})
}
