//go:build e2e

package story

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// tokrelay is the binary, built for this run.
var tokrelay string

func TestMain(m *testing.M) {
	if os.Getenv("E2E_KAFKA") == "" {
		fmt.Fprintln(os.Stderr, `no stack: run "make e2e", or "../stack start" and eval "$(../stack env)" with exported addresses`)
		os.Exit(1)
	}
	dir, err := os.MkdirTemp("", "tokrelay-story-")
	if err != nil {
		panic(err)
	}
	tokrelay = filepath.Join(dir, "tokrelay")
	build := exec.Command("go", "build", "-o", tokrelay, "../../../cmd/tokrelay")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	code := 1
	if err := build.Run(); err == nil {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// run tells runs on the same stack apart: connectors, slots and topics of a name exist once.
var run = strconv.FormatInt(time.Now().Unix()%(36*36*36*36), 36)

// patience is how long any condition may take to become true: longer than two minutes, after which what a killed instance had locked is free.
const patience = 150 * time.Second

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	program.Until(t, 50*time.Millisecond, patience, what, holds)
}

// stack runs a command of the stack's script, also while the test is being cleaned up.
func stack(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, "../stack", args...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("stack %v: %v\n%s", args, err, out)
	}
}
