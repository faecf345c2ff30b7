//go:build e2e

package story

import (
	"os"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
)

// What was put aside is sent again once its cause is gone: each row once, through a replay that was killed and one that
// met a restart of the broker. Rows that are wrong for another reason stay where they are.
func TestWhatWasPutAsideIsSentOnceItsCauseIsGone(t *testing.T) {
	f := newFlow(t, "replay", options{})
	f.source.exec(t, `INSERT INTO events (part, event_name, email, value, currency, fault)
		SELECT 0, 'Purchase', 'abroad' || n || '@example.com', n, 'XXQ', 'invalid_currency' FROM generate_series(1, 400) n`)
	f.day()
	f.start()
	f.laws()
	letters := len(f.records(f.name + ".rejected"))

	f.correct("properties.currency: currency", "properties.currency: {column: currency, map: {XXQ: EUR}}")
	f.replayed().Stop(os.Kill)
	second := f.replayed()
	stack(t, "restart", "kafka")
	if code := second.Exit(); code != 0 && !strings.Contains(second.Said(), "goes on with what is left") {
		t.Errorf("exit code %d of a replay that met a restart of the broker, and it did not say how to go on:\n%s", code, second.Said())
	}
	f.run("dlq", "replay", "--reason", "invalid_currency", "--yes")
	if said := f.run("dlq", "replay", "--reason", "invalid_currency", "--yes"); !strings.Contains(said, "Nothing to replay") {
		t.Errorf("one more replay found something to do:\n%s", said)
	}
	same(t, "events after the replays", f.events(pixel), f.source.rows(t, "SELECT event_id FROM events WHERE fault IS NULL OR fault = 'invalid_currency'"))
	if n := len(f.records(f.name + ".rejected")); n != letters {
		t.Errorf("%d dead letters, %d before the replays", n, letters)
	}
	f.noneFailed()
}

// correct changes the configuration, for what is started from now on.
func (r *relay) correct(from, to string) {
	r.t.Helper()
	text, err := os.ReadFile(r.config)
	if err != nil {
		r.t.Fatal(err)
	}
	if n := strings.Count(string(text), from); n != 1 {
		r.t.Fatalf("the configuration has %q %d times", from, n)
	}
	if err := os.WriteFile(r.config, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// replayed starts a slow replay and waits until some of its rows have reached TikTok.
func (f *flow) replayed() *program.Program {
	f.t.Helper()
	before := f.tiktok.Stats().Events.Accepted
	p := program.Start(f.t, f.command("dlq", "replay", "--reason", "invalid_currency", "--rate", "20", "--yes"))
	until(f.t, "replayed rows reach TikTok", func() bool { return f.tiktok.Stats().Events.Accepted > before+20 })
	return p
}
