//go:build e2e

package story

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// earlier starts the release before owners, which E2E_EARLIER names, with the relay's configuration.
func (r *relay) earlier() *program.Program {
	r.t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	config := filepath.Join(r.t.TempDir(), "earlier.yaml")
	text = []byte(strings.Replace(string(text), "      batch: {max_users", "      remember: always\n      batch: {max_users", 1))
	if err := os.WriteFile(config, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	c := exec.Command(os.Getenv("E2E_EARLIER"), "run", "--log-level", "debug", "-c", config)
	c.Env = append(os.Environ(), r.env...)
	return program.Start(r.t, c)
}

// What the release before remembered of an audience's members is taken over, once: TikTok's set stays, who leaves afterwards is out, rows
// that were rejected before can be replayed, and the release before does not run any more.
func TestWhatTheReleaseBeforeRememberedIsTakenOver(t *testing.T) {
	t.Run("while nothing happens", func(t *testing.T) { takeOver(t, "earlier", false) })
	t.Run("in a hurry", func(t *testing.T) { takeOver(t, "earlierhurry", true) })
}

// takeOver lets rows change while nobody runs, and in a hurry before TikTok has been told of members once more.
func takeOver(t *testing.T, name string, hurry bool) {
	if os.Getenv("E2E_EARLIER") == "" {
		t.Skip("E2E_EARLIER names no binary of the release before owners of audiences: git worktree add FOLDER b7b5caf, and build it there")
	}
	c := newCrowd(t, name, 3, options{})
	var records []*kgo.Record
	for id := range 6000 {
		records = append(records, c.put(id, fmt.Sprintf("person%d@example.com", id/2*2))) // two rows share an address
	}
	c.produce(records)
	before := c.earlier()
	c.isRight("in the release before")
	records = nil
	for id := range 6000 {
		switch {
		case id%10 == 3:
			records = append(records, c.put(id, fmt.Sprintf("moved%d@example.com", id)))
		case id%10 == 4:
			records = append(records, c.gone(id))
		case id%100 == 6: // a member whose row is wrong is none
			delete(c.table, id)
			records = append(records, record(c.rows(), int32(id%c.parts), map[string]any{"id": fmt.Sprint(id), "email": "no address"}))
		}
	}
	c.produce(records)
	c.isRight("after changes in the release before")
	if letters := len(c.records(c.name + ".rejected")); letters != 60 {
		t.Fatalf("%d dead letters, want 60", letters)
	}
	before.Stop(os.Interrupt)
	held := c.members("People", "EMAIL_SHA256")

	p := c.start()
	until(t, "the log tells of the members", func() bool { return told(p, "members were taken over") })
	if !hurry {
		c.isRight("once they are taken over")
		same(t, "members before and after", c.members("People", "EMAIL_SHA256"), held)
	}
	for line := range strings.Lines(p.Said()) {
		if strings.Contains(line, "taken over") {
			t.Log(line)
		}
	}
	p.Stop(os.Interrupt)
	records = nil
	for id := range 6000 {
		switch {
		case id%10 == 5:
			records = append(records, c.gone(id))
		case id%10 == 7, id%100 == 3:
			records = append(records, c.put(id, fmt.Sprintf("later%d@example.com", id)))
		}
	}
	c.produce(records)
	p = c.start()
	c.isRight("after who left and moved later")
	if told(p, "taken over") {
		t.Error("members were taken over once more")
	}

	p.Stop(os.Interrupt)
	c.correct("identifiers: {EMAIL_SHA256: email}", "identifiers: {EMAIL_SHA256: {column: email, map: {no address: mended@example.com}}}")
	p = c.start()
	c.run("dlq", "replay", "--yes")
	c.table[6] = "mended@example.com"
	c.isRight("after the replay of what the release before rejected")
	p.Stop(os.Interrupt)

	c.correct("identifiers: {EMAIL_SHA256: {column: email, map: {no address: mended@example.com}}}", "identifiers: {EMAIL_SHA256: email}")
	c.earlier()
	people := c.people()
	c.produce([]*kgo.Record{c.put(1, "unsent@example.com")}) // it looks at the audience with the first row
	c.waitsFor("tokrelay resync --sync people")
	same(t, "members while the release before is held", c.members("People", "EMAIL_SHA256"), people)
}
