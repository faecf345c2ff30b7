//go:build alerts

package alerts

import (
	"errors"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// run starts a process that ends with the test.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	program.Start(t, exec.CommandContext(t.Context(), name, args...))
}

// binary builds tokrelay.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokrelay")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/tokrelay")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build tokrelay: %v\n%s", err, out)
	}
	return path
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	program.Until(t, 50*time.Millisecond, time.Minute, what, holds)
}

func answers(url string) func() bool {
	return func() bool {
		r, err := http.Get(url)
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	}
}

// tool runs one of Prometheus' tools to its end.
func tool(t *testing.T, input, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatalf("%s is missing; deploy/alerts/run installs it", name)
	}
	if err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
