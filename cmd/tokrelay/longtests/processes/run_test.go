package processes

import (
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// process is a running binary.
type process struct {
	*program.Program
	t testing.TB
}

// start runs the binary; it is killed with the test.
func (s *stack) start() *process { s.t.Helper(); return s.startAs() }

// startAs is start by another program, which is given the binary and its arguments behind its own.
func (s *stack) startAs(by ...string) *process {
	s.t.Helper()
	words := append(by, s.binary, "run", "-c", s.config, "--log-level", "debug")
	p := &process{program.Start(s.t, exec.CommandContext(s.t.Context(), words[0], words[1:]...)), s.t}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started = append(s.started, p)
	return p
}

// get reads a path of the process's admin address, which its log names.
func (p *process) get(path string) string {
	p.t.Helper()
	_, rest, _ := strings.Cut(p.Said(), `"admin":"`)
	address, _, _ := strings.Cut(rest, `"`)
	response, err := http.Get("http://" + address + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(body)
}

// metric reads one series of the process's metrics.
func (p *process) metric(series string) float64 {
	p.t.Helper()
	_, rest, found := strings.Cut(p.get("/metrics"), "\n"+series+" ")
	text, _, _ := strings.Cut(rest, "\n")
	value, err := strconv.ParseFloat(text, 64)
	if !found || err != nil {
		p.t.Fatalf("no metric %s", series)
	}
	return value
}
