// Package program runs a program next to a test and keeps what it says. The tests of the real binary use it, here and in
// deploy; what they run, and against what, is theirs.
package program

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Program is a program that runs.
type Program struct {
	cmd  *exec.Cmd
	said output
	over chan struct{}
}

// output keeps what is written, for readers at the same time.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Start starts a command, whose output it takes. It is killed with the test; if that failed, the end of what it said is in
// the test's log.
func Start(t testing.TB, cmd *exec.Cmd) *Program {
	t.Helper()
	p := &Program{cmd: cmd, over: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.said, &p.said
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	go func() { defer close(p.over); _ = cmd.Wait() }()
	t.Cleanup(func() {
		p.Stop(os.Kill)
		if t.Failed() {
			t.Logf("%s said, at the end:\n%s", cmd.Path, tail(p.Said()))
		}
	})
	return p
}

func tail(s string) string { return s[max(0, len(s)-8000):] }

// Said is what the program wrote so far, to standard output and standard error.
func (p *Program) Said() string { return p.said.String() }

// Exit waits for the end of the program and gives its exit code.
func (p *Program) Exit() int {
	<-p.over
	return p.cmd.ProcessState.ExitCode()
}

// Ended reports whether the program has ended.
func (p *Program) Ended() bool {
	select {
	case <-p.over:
		return true
	default:
		return false
	}
}

// Signal sends a signal. A program that has ended takes none.
func (p *Program) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Stop sends a signal that ends the program, and waits for that.
func (p *Program) Stop(s os.Signal) int {
	p.Signal(s)
	return p.Exit()
}

// Until polls, every so often, a condition that another process brings about: there is nothing to wait on but the thing itself. The test
// fails when it does not hold in time.
func Until(t testing.TB, every, patience time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("after %s still not true: %s", patience, what)
		case <-t.Context().Done():
			t.Fatalf("the test ended before it was true: %s", what)
		case <-tick.C:
		}
	}
}

// FreeAddress is a loopback address on which nobody listened a moment ago. Its port is below those that systems give to
// connections (from 32768 on Linux), so that none of them takes it before the program listens.
func FreeAddress() string {
	for {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
}
