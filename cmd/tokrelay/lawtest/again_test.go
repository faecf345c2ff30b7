//go:build !synctests

package lawtest

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	args := []string{"test", "-tags", "synctests", "-modfile", modfile(t), "-count", "1", "-timeout", patience(t).String(), "-v"}
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

const watermill = "github.com/ThreeDotsLabs/watermill"

// modfile is a go.mod with a Watermill whose router has locks that are channels, as franz-go has by the tag: the router
// holds one of its locks while it waits for handlers, and time would stand still for those who wait for the lock.
func modfile(t *testing.T) string {
	t.Helper()
	dir := folder(t)
	from := golist(t, "{{.Dir}}", watermill)
	library := filepath.Join(dir, filepath.Base(from))
	copyModule(t, from, library)
	router := read(t, filepath.Join(from, "message", "router.go"))
	virtual := bytes.ReplaceAll(bytes.ReplaceAll(router, []byte("sync.RWMutex"), []byte("virtualMutex")), []byte("sync.Mutex"), []byte("virtualMutex"))
	if bytes.Equal(router, virtual) {
		t.Fatal("Watermill's router has no locks any more: look again at what it waits for")
	}
	write(t, filepath.Join(library, "message", "router.go"), virtual)
	write(t, filepath.Join(library, "message", "locks.go"), read(t, filepath.Join("testdata", "locks.go.txt")))
	ours := golist(t, "{{.GoMod}}", "")
	write(t, filepath.Join(dir, "go.sum"), read(t, strings.TrimSuffix(ours, ".mod")+".sum"))
	write(t, filepath.Join(dir, "go.mod"), append(read(t, ours), "\nreplace "+watermill+" => "+library+"\n"...))
	return filepath.Join(dir, "go.mod")
}

// folder is the same for every test: what was built from it is found again in Go's cache.
func folder(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		return t.TempDir()
	}
	return filepath.Join(cache, "tokrelay", "lawtest")
}

// copyModule copies the files of a module's packages, without their tests.
func copyModule(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(from, path)
		if err == nil && !d.IsDir() && (name == "go.mod" || strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")) && name != filepath.Join("message", "router.go") {
			write(t, filepath.Join(to, name), read(t, path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func golist(t *testing.T, format, module string) string {
	t.Helper()
	out, err := exec.Command("go", strings.Fields("list -m -f "+format+" "+module)...).Output()
	if err != nil {
		t.Fatalf("go list -m %s: %v", module, err)
	}
	return strings.TrimSpace(string(out))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// write leaves a file alone that is as it should be: another test may be reading it.
func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return
	}
	part := path + "." + strconv.Itoa(os.Getpid())
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(part, text, 0o600), os.Rename(part, path)); err != nil {
		t.Fatal(err)
	}
}
