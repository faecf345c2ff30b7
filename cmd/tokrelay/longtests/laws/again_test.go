//go:build !synctests

package laws

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	_ "github.com/tokrelay/tokrelay/cmd/tokrelay/daemon" // a result that `go test` remembers is stale once this changes
)

var (
	runs = flag.Int("runs", 0, "runs of the model tests; 0: a few")
	seed = flag.Uint64("seed", 0, "seed of the model tests; 0: a new one")
	same = flag.Bool("same", false, "every run with the same seed")
)

func TestTheLawsHoldUnderVirtualTime(t *testing.T) {
	remember(t)
	args := []string{"test", "-tags", "synctests", "-count", "1", "-timeout", patience(t).String(), "-v"}
	if race {
		args = append(args, "-race")
	}
	args = append(args, ".", "-args", "-runs", strconv.Itoa(*runs), "-seed", strconv.FormatUint(*seed, 10), "-same="+strconv.FormatBool(*same))
	out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput()
	t.Logf("%s", summary(out))
	if err != nil {
		t.Errorf("go %v: %v\n%s", args, err, out)
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
		read(t, name)
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

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
