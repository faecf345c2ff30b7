package virtual

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Again runs the tests of the package again, with franz-go's locks for virtual time. The arguments are for its flags.
func Again(t *testing.T, args ...string) {
	t.Helper()
	remember(t)
	command := []string{"test", "-tags", "synctests", "-count", "1", "-timeout", patience(t).String(), "-v"}
	if race {
		command = append(command, "-race")
	}
	command = append(append(command, ".", "-args"), args...)
	out, err := exec.CommandContext(t.Context(), "go", command...).CombinedOutput()
	t.Logf("%s", summary(out))
	if err != nil {
		t.Errorf("go %v: %v\n%s", command, err, out)
	}
}

// remember reads the files of the runs: a result that `go test` remembers is stale once they change.
func remember(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob("*_test.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("find the files of the runs: %v", err)
	}
	for _, name := range names {
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
}

// patience is how long the runs may take together: as long as this test, but for a moment to tell about them; 0: forever.
func patience(t *testing.T) time.Duration {
	end, ok := t.Deadline()
	if !ok {
		return 0
	}
	return max(time.Until(end)-10*time.Second, time.Second)
}

// summary is what tells of the runs together: their seed, and how long they took.
func summary(out []byte) []byte {
	var lines [][]byte
	for line := range bytes.Lines(out) {
		if bytes.Contains(line, []byte("seed ")) || bytes.HasPrefix(line, []byte("--- ")) {
			lines = append(lines, bytes.TrimSpace(line))
		}
	}
	return bytes.Join(lines, []byte("\n"))
}
