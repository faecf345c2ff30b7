package tiktok

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestTheTableInTheDocsIsTheTableInTheCode(t *testing.T) {
	text, err := os.ReadFile("../../docs/operations/codes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Return codes")
	table, _, _ = strings.Cut(table, "\nAny other code")
	documented := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 2 || strings.HasPrefix(cells[0], "-") || cells[0] == "verdict" {
			continue
		}
		for code := range strings.SplitSeq(cells[1], ", ") {
			documented[code] = cells[0]
		}
	}
	for code, r := range codes {
		want := r.Verdict.String()
		if r.Scope != "" {
			want += ", " + string(r.Scope)
		}
		if got := documented[fmt.Sprint(code)]; got != want {
			t.Errorf("code %d: the docs say %q, the code says %q", code, got, want)
		}
	}
	if len(documented) != len(codes) {
		t.Errorf("the docs have %d codes, the code has %d", len(documented), len(codes))
	}
}

func TestEachCodeHasItsTextAndSource(t *testing.T) {
	for code, r := range codes {
		a := Classify(200, fmt.Appendf(nil, `{"code":%d}`, code), nil)
		if r.text == "" || a.Message != r.text || r.from > live {
			t.Errorf("code %d: text %q of source %d; an answer without a text says %q", code, r.text, r.from, a.Message)
		}
	}
}
