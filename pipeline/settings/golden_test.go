package settings

import (
	"embed"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is got into testdata, to be reviewed")

//go:embed testdata/files
var files embed.FS

func TestEveryProblemIsToldAtOnceWithLineAndPath(t *testing.T) {
	cases, _ := filepath.Glob("testdata/problems/*.yaml")
	if len(cases) < 10 {
		t.Fatalf("got %d cases, want those of testdata/problems", len(cases))
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			compare(t, strings.TrimSuffix(file, ".yaml")+".txt", problemsOf(t, file))
		})
	}
}

// problemsOf loads and validates, as cmd does.
func problemsOf(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s shop
	r := Load(text, &s, lookup())
	r.File = "shop.yaml"
	s.Validate(Root(r))
	var b strings.Builder
	for _, p := range r.Problems() {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func compare(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
