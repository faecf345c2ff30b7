package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// timed is a configuration with these times; "" leaves one out.
func timed(timeout, revoke, rebalance, drain string) string {
	key := func(name, value string) string {
		if value == "" {
			return ""
		}
		return fmt.Sprintf(", %s: %s", name, value)
	}
	text := fmt.Sprintf(`kafka: {brokers: ["k:1"]%s%s}
schema_registry: {url: "http://r:1"}
connections:
  quick: {access_token_file: /t, timeout: 1s}
  main: {access_token_file: /t%s}
`, key("revoke_drain", revoke), key("rebalance_timeout", rebalance), key("timeout", timeout))
	if drain != "" {
		text += "shutdown: {drain: " + drain + "}\n"
	}
	return text + `syncs:
  - name: orders
    topic: t
    connection: main
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: at, user.email: email, page.url: url}}
`
}

func TestTimesFitIntoEachOther(t *testing.T) {
	for _, c := range []struct {
		name                              string
		timeout, revoke, rebalance, drain string
		want                              []string // a part of each problem, in order
	}{
		{name: "what is left out fits"},
		{name: "all of it raised together", timeout: "2m", revoke: "125s", rebalance: "130s", drain: "125s"},
		{name: "as short as can be", timeout: "1s", revoke: "6s", rebalance: "11s", drain: "6s"},
		{name: "a longer call alone", timeout: "60s", want: []string{
			"error: kafka.revoke_drain: must be at least 1m5s: connections.main.timeout and 5s to settle its rows (set kafka.revoke_drain: 1m5s, or a shorter timeout of the connection)",
			"error: shutdown.drain: must be at least 1m5s: kafka.revoke_drain (set shutdown.drain: 1m5s, and let the supervisor wait 1m20s before it kills)",
		}},
		{name: "a second too little for the call", revoke: "34s", want: []string{"error: kafka.revoke_drain: must be at least 35s"}},
		{name: "no time for the last commit", rebalance: "39s", want: []string{
			"error: kafka.rebalance_timeout: must be at least 40s: kafka.revoke_drain and 5s for the last commit (set kafka.rebalance_timeout: 40s)"}},
		{name: "a stop shorter than a rebalance", drain: "25s", want: []string{
			"error: shutdown.drain: must be at least 35s: kafka.revoke_drain (set shutdown.drain: 35s, and let the supervisor wait 50s before it kills)"}},
		{name: "everything at once", timeout: "3m", want: []string{"kafka.rebalance_timeout: must be at least 3m10s", "kafka.revoke_drain: must be at least 3m5s", "shutdown.drain: must be at least 3m5s"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, report := Parse([]byte(timed(c.timeout, c.revoke, c.rebalance, c.drain)), settings.Vars(nil))
			var got []string
			for _, p := range report.Problems() {
				got = append(got, p.String())
			}
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %d problems", got, len(c.want))
			}
			for i := range c.want {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("got  %s\nwant %s", got[i], c.want[i])
				}
			}
		})
	}
}

func TestASupervisorWaitsForTheWholeStop(t *testing.T) {
	c := settings.WithDefaults(Config{})
	b := c.Budget()
	if got, want := b.Supervisor(), 60*time.Second; got != want {
		t.Errorf("defaults need %s of a supervisor's patience; the manifests and docs say %s", got, want)
	}
}
