package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var updateProblems = flag.Bool("problems", false, "write what check says into testdata/problems, to be reviewed")

// Each file of testdata/problems is a configuration as a newcomer writes it, and all that `tokrelay check` says of it: where, which
// rule, which cure.
func TestConfigurationsAsNewcomersWriteThem(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("TOKRELAY_HOME", t.TempDir())
	t.Setenv("TOKEN", "0123456789abcdef0123456789abcdef01234567")
	t.Setenv("EMPTY", "")
	cases, _ := filepath.Glob(filepath.Join(here, "testdata", "problems", "*.txtar"))
	if len(cases) < 60 {
		t.Fatalf("%d cases, want sixty", len(cases))
	}
	for _, file := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil || len(archive.Files) != 2 {
				t.Fatalf("%v: want a configuration and what is said of it", err)
			}
			if err := os.WriteFile("tokrelay.yaml", archive.Files[0].Data, 0o600); err != nil {
				t.Fatal(err)
			}
			out, errs, code := tokrelay(t, "", "check")
			got := errs + out
			if *updateProblems {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(archive.Files[1].Data); got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
			if !strings.HasPrefix(got, "tokrelay.yaml:") || code == exitDone && !strings.Contains(got, ": warning: ") {
				t.Errorf("exit code %d, without a place in the file:\n%s", code, got)
			}
		})
	}
}
