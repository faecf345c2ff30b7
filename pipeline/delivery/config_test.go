package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestValidateReportsWhatIsWrongWithRetries(t *testing.T) {
	cases := []struct{ name, text, want string }{
		{"nothing", "{}", ""},
		{"too many attempts", "attempts: 2000", "attempts"},
		{"a first pause longer than the longest", "base: 2m", "base"},
		{"giving up at once", "give_up_after: 5s", "give_up_after give_up_after"},
		{"giving up at all is warned of", "give_up_after: 12h", "give_up_after"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var r Retry
			report := settings.Load([]byte(c.text), &r, settings.Vars(nil))
			r.Validate(settings.Root(report))
			var got []string
			for _, p := range report.Problems() {
				got = append(got, p.Path)
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("problems at: got %v, want %s", got, c.want)
			}
		})
	}
}

func TestPausesBetweenFailedCallsDouble(t *testing.T) {
	b := &batch{queue: &Queue{cfg: Config{Retry: settings.WithDefaults(Retry{})}, deps: Deps{Gate: NewGate(GateConfig{CallsInFlight: 8})}}}
	for attempt, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute} {
		p := &part{attempts: attempt + 1, entries: make([]entry, 1)}
		before := time.Now()
		b.failed(p)
		if got := p.pause.Sub(before); got < want*8/10 || got > want*12/10+time.Second/10 {
			t.Errorf("after %d failures: got %v, want %v give or take a fifth", attempt+1, got, want)
		}
	}
}
