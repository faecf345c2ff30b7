//go:build !synctests

package owners

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var (
	eachRule = flag.Int("each-rule", 0, "take each rule of the protocol out, and see it noticed within this number of histories; 0: do not")
	oneRule  = flag.String("rule", "", "the rule to take out; empty: each")
)

const (
	ownersFolder = "../../../../sinks/segment/owners/"
	stageFolder  = "../../../../pipeline/kafka/stage/"
)

// rules are the rules of the protocol, each as a line of the code that keeps it and the same without it.
var rules = []struct{ name, file, with, without string }{
	{"rows are read once they are committed", stageFolder + "group.go", "kgo.ReadCommitted()), // a", "kgo.ReadUncommitted()), // a"},
	{"an aborted transaction is undone in memory", ownersFolder + "rows.go", "i >= 0 && !committed", "i >= 0 && false"},
	{"a version claims once", ownersFolder + "rows.go", "now := row{sync: a.Sync, at: rec.Offset,", "now := row{sync: a.Sync, at: was.at,"},
	{"a row claims before it gives up", ownersFolder + "rows.go", "r.claim(was.digests, was.at, absent, a)\n", "\n"},
	{"a row of an earlier epoch claims again", ownersFolder + "rows.go", "stale := known && was.at < start", "stale := false && was.at < start"},
	{"beyond the commit an owner says again", ownersFolder + "claimspart.go", "rec.Offset < p.force || ", ""},
	{"an answer that is an error is said again", ownersFolder + "claimspart.go", "\t\tw.force = true\n", "\t\tw.told, w.settledTo = w.saying, w.asked\n"},
	{"one call at a time for a digest", ownersFolder + "telling.go", "w.queued || w.calling", "w.queued"},
	{"a call begins within the lease", ownersFolder + "claims.go", "return now.Sub(c.lease) < c.o.Session-c.o.Longest", "return !c.lease.After(now)"},
	{"who loses a partition has calls said again that are not counted", ownersFolder + "committing.go", "c.again(p.id, &p.answered[i])", "_ = i"},
	{"an answer that comes after the loss is said again", ownersFolder + "telling.go", "c.again(p.id, &answer{w.digest, w.cause})", ""},
	{"a call counts by a commit sent after its answer", ownersFolder + "committing.go", "p.answered = p.answered[answers:]", "p.answered = nil"},
	{"who gives a partition up waits for its calls", ownersFolder + "committing.go", "for c.calls(parts) > 0 && pipeline", "for false && pipeline"},
	{"the commit is a low watermark", ownersFolder + "claimspart.go", "p.fifo[i].work.settledTo >= p.fifo[i].offset", "p.fifo[i].work != nil"},
	{"an absence is cleared behind the commit", ownersFolder + "committing.go", "p.cleared[i].offset < p.committed", "p.cleared[i].offset < p.pos"},
	{"a replay that was overtaken does not count", ownersFolder + "rows.go", "|| was.mark.overtakes(&a.Source)", ""},
	{"a partition is restored up to a barrier", stageFolder + "restore.go", "case r.Offset >= barrier.Offset:", "case r.Offset >= barrier.Offset/2:"},
}

// TestEachRuleTakenOutIsNoticed is the long form alone: it builds the tests once for each rule.
func TestEachRuleTakenOutIsNoticed(t *testing.T) {
	if *eachRule == 0 {
		t.Skip("-each-rule says within how many histories")
	}
	for _, r := range rules {
		if *oneRule != "" && *oneRule != r.name {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			file, err := filepath.Abs(r.file)
			if err != nil {
				t.Fatal(err)
			}
			code, err := os.ReadFile(file)
			if err != nil || strings.Count(string(code), r.with) != 1 {
				t.Fatalf("%s has the line %d times, %v", r.file, strings.Count(string(code), r.with), err)
			}
			noticed(t, file, strings.Replace(string(code), r.with, r.without, 1))
		})
	}
}

// noticed runs histories with another text in place of a file, and fails if none of them notices.
func noticed(t *testing.T, file, code string) {
	folder := t.TempDir()
	other, overlay, program := filepath.Join(folder, "other.go"), filepath.Join(folder, "overlay.json"), filepath.Join(folder, "histories")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {file: other}})
	if err := errors.Join(err, os.WriteFile(other, []byte(code), 0o600), os.WriteFile(overlay, list, 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-tags", "synctests", "-overlay", overlay, "-c", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), program, "-test.timeout", "0", "-runs", fmt.Sprint(*eachRule), "-test.v").CombinedOutput()
	passed := strings.Count(string(out), "    --- PASS")
	if err == nil {
		t.Errorf("%d histories have not noticed", passed)
		return
	}
	t.Logf("noticed after %d histories", passed)
}
