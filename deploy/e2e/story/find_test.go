//go:build e2e

package story

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What became of a row, and where a person is, is the same to find while two instances run, after one was stopped, when none runs, after
// a replay and after a restart.
func TestWhatBecameOfARowIsFoundWhoeverRuns(t *testing.T) {
	p := newFeed(t, "find", rowEvents+strings.TrimPrefix(crowdSync, "\n"), options{})
	p.create(p.rows(), 2)
	p.topics["events"], p.topics["people"] = []string{p.rows()}, []string{p.rows()}
	first := p.start()
	second := p.second()
	ids := p.write(p.rows(), 5, 0, 1) // by turns into partition 0 and 1
	bad, records := p.draft(p.rows(), 1, 0, func(row map[string]any) { row["currency"] = "EURO" }, 0)
	p.produce(records)
	refused := p.rows() + "/0/5"
	known := func() {
		t.Helper()
		p.finds(ids[0]+"@example.com", "in People since ", "wanted by +"+p.rows()+"/0/0 of people", "sent, and accepted by TikTok at ", "handed at .* to the audience.s owners")
		p.finds(ids[1], p.rows()+`/1/0 \(events`, "event id +"+ids[1])
		p.finds("--as=key "+ids[2], p.rows()+`/0/1 \(events`, p.rows()+`/0/1 \(people`)
		p.finds(p.rows()+"/1/1", "Sent, and accepted by TikTok at .* \\(sync events\\)", "in People since ", "user.email +column email +x9@xxxxxxx.xxx +[0-9a-f]{39}… +hashed")
		p.finds("nobody@example.com", "Not in People: no row wants it")
	}

	p.caughtUp()
	known()
	p.finds(refused, "[Rr]ejected at ", "field +properties.currency ← column currency", "EURO +refused", "letter +"+p.name+".rejected/")
	p.finds(bad[0]+"@example.com", "1 of 2 rows rejected", "in People since ")

	if code := first.Stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d of an instance that was stopped, want 0", code)
	}
	late := p.write(p.rows(), 1, 1)
	p.caughtUp()
	known()
	p.finds(late[0], p.rows()+"/1/5", "sent, and accepted by TikTok at ")

	p.correct("properties.currency: currency", "properties.currency: {column: currency, map: {EURO: EUR}}")
	p.run("dlq", "replay", "--yes")
	p.finds(refused, "[Rr]epaired: sent, and accepted by TikTok, by a replay at ", "rejected on .*, reason invalid_currency", "delivered on .*, by replay ")
	p.finds(bad[0], "[Rr]epaired")

	second.Stop(os.Interrupt)
	waiting := p.write(p.rows(), 1, 0)
	p.finds(p.rows()+"/0/6", "ot settled yet: it is the next row of its partition; no instance runs the sync")
	p.finds(waiting[0]+"@example.com", "2 of 2 rows not read yet")
	known()

	p.start()
	p.caughtUp()
	known()
	p.finds(refused, "[Rr]epaired: sent, and accepted by TikTok, by a replay at ")
	p.finds(waiting[0]+"@example.com", "in People since ", "sent, and accepted by TikTok at ")
}

// finds runs tokrelay find and wants to read that; in ten seconds, and nothing clear of a person.
func (p *feed) finds(what string, want ...string) {
	p.t.Helper()
	began := time.Now()
	said := p.run(append([]string{"find"}, strings.Fields(what)...)...)
	if took := time.Since(began); took > 10*time.Second {
		p.t.Errorf("find %s took %s", what, took)
	}
	for _, text := range want {
		if !regexp.MustCompile(text).MatchString(said) {
			p.t.Errorf("find %s does not say %q:\n%s", what, text, said)
		}
	}
	if strings.Contains(said, "@example") {
		p.t.Errorf("find %s shows an address:\n%s", what, said)
	}
}
