package jsontext

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestStringsAreWrittenAsEncodingJSONWritesThem compares random texts with the standard library's writer.
func TestStringsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	pool := []rune("abcdefgh 0123456789\"\"\\\\\x00\x01\b\f\n\r\t\x1f\x7f/<>&é€😀\u2028\u2029\ufffd\U0010ffff")
	for range 30_000 {
		text := make([]rune, r.IntN(24))
		for i := range text {
			text[i] = pool[r.IntN(len(pool))]
			if r.IntN(3) > 0 {
				text[i] = pool[r.IntN(9)] // mostly plain, so that the fast path is taken
			}
		}
		if got, want := string(AppendString(nil, []byte(string(text)))), standard(t, string(text)); got != want {
			t.Fatalf("seed %d: %q:\n got %s\nwant %s", seed, string(text), got, want)
		}
	}
}

func standard(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestEveryByteAtEveryPlaceIsEscapedRight leaves no byte and no alignment to chance.
func TestEveryByteAtEveryPlaceIsEscapedRight(t *testing.T) {
	for c := range rune(0x100) {
		for place := range 17 {
			text := strings.Repeat("x", place) + string(c) + strings.Repeat("y", 16-place)
			if got, want := string(AppendString(nil, []byte(text))), standard(t, text); got != want {
				t.Errorf("%q: got %s, want %s", text, got, want)
			}
		}
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add("plain")
	f.Add("\u2028\x00\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) && string(AppendString(nil, []byte(text))) != standard(t, text) {
			t.Errorf("%q differs", text)
		}
	})
}
