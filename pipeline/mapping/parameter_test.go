package mapping

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestAParameterIsWhatASlowReadingFinds: names that only begin alike, fragments, parameters without a value, and the first of several.
func TestAParameterIsWhatASlowReadingFinds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	parts := []string{"id", "id=", "i", "d", "=", "&", "?", "#", "x", "id2", "vid"}
	for range 50_000 {
		var b strings.Builder
		for range r.IntN(9) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		url := b.String()
		want, there := slowParameter(url, "id")
		if got := Parameter([]byte(url), []byte("id")); string(got) != want || (got != nil) != there {
			t.Fatalf("%q: got %q, there %t; want %q, there %t", url, got, got != nil, want, there)
		}
	}
}

func slowParameter(url, name string) (string, bool) {
	url, _, _ = strings.Cut(url, "#")
	_, query, _ := strings.Cut(url, "?")
	for pair := range strings.SplitSeq(query, "&") {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value, true
		}
	}
	return "", false
}
