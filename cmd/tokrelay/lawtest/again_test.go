//go:build laws && !synctests

package lawtest

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

var (
	runs = flag.Int("runs", 0, "runs of the model tests; 0: a few")
	seed = flag.Uint64("seed", 0, "seed of the model tests; 0: a new one")
	same = flag.Bool("same", false, "every run with the same seed")
)

func TestTheLawsHoldUnderVirtualTime(t *testing.T) {
	args := []string{"test", "-race", "-tags", "synctests", "-modfile", modfile(t), "-timeout", "60m"}
	if testing.Verbose() {
		args = append(args, "-v")
	}
	args = append(args, ".", "-args", "-runs", strconv.Itoa(*runs), "-seed", strconv.FormatUint(*seed, 10), "-same="+strconv.FormatBool(*same))
	test := exec.CommandContext(t.Context(), "go", args...)
	test.Stdout, test.Stderr = os.Stdout, os.Stderr
	if err := test.Run(); err != nil {
		t.Errorf("go %v: %v", args, err)
	}
}

const watermill = "github.com/ThreeDotsLabs/watermill"

// modfile is a go.mod with a Watermill whose router has locks that are channels, as franz-go has by the tag: the router
// holds one of its locks while it waits for handlers, and time would stand still for those who wait for the lock.
func modfile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	library := filepath.Join(dir, "watermill")
	if err := os.CopyFS(library, os.DirFS(golist(t, "{{.Dir}}", watermill))); err != nil {
		t.Fatal(err)
	}
	message := filepath.Join(library, "message")
	router := read(t, filepath.Join(message, "router.go"))
	virtual := bytes.ReplaceAll(bytes.ReplaceAll(router, []byte("sync.RWMutex"), []byte("virtualMutex")), []byte("sync.Mutex"), []byte("virtualMutex"))
	if bytes.Equal(router, virtual) {
		t.Fatal("Watermill's router has no locks any more: look again at what it waits for")
	}
	write(t, filepath.Join(message, "router.go"), virtual)
	write(t, filepath.Join(message, "locks.go"), read(t, filepath.Join("testdata", "locks.go.txt")))
	ours := golist(t, "{{.GoMod}}", "")
	write(t, filepath.Join(dir, "go.sum"), read(t, strings.TrimSuffix(ours, ".mod")+".sum"))
	write(t, filepath.Join(dir, "go.mod"), append(read(t, ours), "\nreplace "+watermill+" => "+library+"\n"...))
	return filepath.Join(dir, "go.mod")
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

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil && !os.IsPermission(err) {
		t.Fatal(err)
	}
}
