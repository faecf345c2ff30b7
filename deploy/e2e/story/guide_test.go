//go:build e2e

package story

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The commands of docs/getting-started.md, in order, each as it stands there. Only what starts and stops the stack is
// left out, because the stack runs, and what is built is built elsewhere.
func TestTheGuideSaysWhatWorks(t *testing.T) {
	text, err := os.ReadFile("../../../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	script := commands(string(text))
	if n := strings.Count(script, "\n"); n < 15 {
		t.Fatalf("%d lines of commands in the guide: the test looks at nothing", n)
	}
	bin := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(tokrelay, filepath.Join(bin, "tokrelay")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { (&source{schema: "public", connectors: []string{"guide"}}).disconnect(t) })
	c := exec.CommandContext(t.Context(), "timeout", "120", "bash", "-euo", "pipefail", "-c", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"+script)
	c.Dir = "../../.."
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("the guide's commands: %v\n%s", err, out)
	}
	for _, want := range []string{`"event":"Purchase"`, "invalid_currency", "EMAIL_SHA256"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the guide's commands never printed %s; they printed:\n%s", want, out)
		}
	}
}

// commands are the lines of the shell blocks of a page.
func commands(page string) string {
	var script strings.Builder
	inside := false
	for line := range strings.Lines(page) {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```sh"
		case inside && !strings.HasPrefix(line, "make ") && !strings.HasSuffix(strings.TrimSpace(line), "stack start") &&
			!strings.Contains(line, "stack stop"):
			script.WriteString(strings.ReplaceAll(line, "bin/tokrelay", "tokrelay"))
		}
	}
	return script.String()
}
