package virtual

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Rule is a rule of the owners' protocol, as a line of the code that keeps it and the same without it. Rules are taken out with
// `go test -overlay`: the product has no switches for it.
type Rule struct {
	Name          string
	file          string
	with, without string
}

const (
	ownersFolder = "sinks/segment/owners/"
	stageFolder  = "pipeline/kafka/stage/"
	kafkaFolder  = "pipeline/kafka/"
)

// Rules are the rules of the protocol.
var Rules = []Rule{
	{"rows are read once they are committed", stageFolder + "group.go", "kgo.ReadCommitted()), // a", "kgo.ReadUncommitted()), // a"},
	{"an aborted transaction is undone in memory", ownersFolder + "rows.go", "i >= 0 && !committed", "i >= 0 && false"},
	{"a version claims once", ownersFolder + "rows.go", "now := row{sync: a.Sync, at: rec.Offset,", "now := row{sync: a.Sync, at: was.at,"},
	{"a row that changes gives up what it claimed", ownersFolder + "rows.go", "r.claim(was.digests, was.at, absent, a)\n", "\n"},
	{"a row of an earlier epoch claims again", ownersFolder + "rows.go", "stale := known && was.at < w.start", "stale := false && was.at < w.start"},
	{"a row of an earlier epoch is said", ownersFolder + "rows.go", "says = told", "says = present"},
	{"a sweep waits until all of the source was read", ownersFolder + "resync.go", "!w.isRead(a.Parts)", "false"},
	{"beyond the commit an owner says again", ownersFolder + "claimspart.go", "rec.Offset < p.force || ", ""},
	{"an answer that is an error is said again", ownersFolder + "claimspart.go", "\t\tw.force = true\n", "\t\tw.told, w.settledTo = w.saying, w.asked\n"},
	{"what is refused counts as said", ownersFolder + "telling.go", "list[i].Outcome != Unanswered)", "list[i].Outcome == Accepted)"},
	{"one call at a time for a digest", ownersFolder + "telling.go", "case w.calling, w.queued", "case w.queued"},
	{"a call begins within the lease", ownersFolder + "claims.go", "return now.Sub(c.lease) < c.o.Session-c.o.Longest", "return !c.lease.After(now)"},
	{"who loses a partition has calls said again that are not counted", ownersFolder + "committing.go", "c.again(p.id, &p.answered[i])", "_ = i"},
	{"an answer that comes after the loss is said again", ownersFolder + "telling.go", "c.again(p.id, &answer{w.digest, w.cause})", ""},
	{"a call counts by a commit sent after its answer", ownersFolder + "committing.go", "p.answered = p.answered[answers:]", "p.answered = nil"},
	{"who gives a partition up waits for its calls", ownersFolder + "committing.go", "for c.calls(parts) > 0 && pipeline", "for false && pipeline"},
	{"the commit is a low watermark", ownersFolder + "claimspart.go", "p.fifo[i].work.settledTo >= p.fifo[i].offset", "p.fifo[i].work != nil"},
	{"an absence is cleared behind the commit", ownersFolder + "committing.go", "p.cleared[i].offset < p.committed", "p.cleared[i].offset < p.pos"},
	{"a replay that was overtaken does not count", ownersFolder + "rows.go", "|| was.mark.overtakes(&a.Source)", ""},
	{"a partition is restored up to a barrier", stageFolder + "restore.go", "case r.Offset >= barrier.Offset:", "case r.Offset >= barrier.Offset/2:"},
	{"an instance that was put out commits nothing", kafkaFolder + "membership.go", "Check(id string) error {\n\tm.mu.Lock()\n\tdefer m.mu.Unlock()\n\tif id != m.id {",
		"Check(id string) error {\n\tm.mu.Lock()\n\tdefer m.mu.Unlock()\n\tif false {"},
	{"offsets of chunks are committed in the name of their generation", kafkaFolder + "vouch.go", "r.MemberID, r.Generation = member, generation", "_, _ = member, generation"},
}

// Without builds the tests of the package in this folder without the rule.
func (r Rule) Without(t *testing.T) (program string) {
	t.Helper()
	file, code := r.code(t)
	folder := t.TempDir()
	other, overlay, program := filepath.Join(folder, "other.go"), filepath.Join(folder, "overlay.json"), filepath.Join(folder, "histories")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {file: other}})
	text := strings.Replace(code, r.with, r.without, 1)
	if err := errors.Join(err, os.WriteFile(other, []byte(text), 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", "test", "-tags", "synctests", "-overlay", overlay, "-c", "-o", program, ".")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// code is the file that keeps the rule.
func (r Rule) code(t *testing.T) (file, code string) {
	t.Helper()
	file, err := filepath.Abs("../../../../" + r.file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if n := strings.Count(string(text), r.with); err != nil || n != 1 {
		t.Fatalf("%s: %s has its line %d times, %v; want it once", r.Name, r.file, n, err)
	}
	return file, string(text)
}

// Noticed runs n histories of a program of tests, from a seed on, and is how many of them fail.
func Noticed(t *testing.T, program string, n int, seed uint64, args ...string) (failed int) {
	t.Helper()
	for n > 0 {
		all := append([]string{"-test.timeout", "0", "-test.v", "-runs", fmt.Sprint(n), "-seed", fmt.Sprint(seed)}, args...)
		out, err := exec.CommandContext(t.Context(), program, all...).CombinedOutput()
		if err == nil {
			return failed
		}
		ran := strings.Count(string(out), "=== RUN") - 1 // a test of its own has them all
		if ran < 1 {
			t.Fatalf("%v\n%s", err, out)
		}
		failed, n, seed = failed+1, n-ran, seed+uint64(ran)
	}
	return failed
}
