package daemon

import (
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestWhoeverReadsTheOldRowIsToldWhenItMayNotBeThere(t *testing.T) {
	const web = "web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: at, user.email: email, page.url: {value: \"https://x.example/\"}"
	for name, test := range map[string]struct{ sync, want string }{
		"no old row asked for":      {`on: {update: send}, when: after.status == "paid", ` + web + "}}", ""},
		"whether there is one":      {`on: {update: send}, when: before == nil, ` + web + "}}", ""},
		"updates":                   {`on: {update: send}, when: before.status != "paid", ` + web + "}}", "before.status is known only where"},
		"updates with full images":  {`on: {update: send}, before_image: full, when: before.status != "paid", ` + web + "}}", ""},
		"updates with the key only": {`on: {update: send}, before_image: key_only, when: before.status != "paid", ` + web + "}}", "before.status is known only where"},
		"new rows alone":            {`when: before.status != "paid", ` + web + "}}", "before.status is NULL in every row"},
		"plain rows":                {`format: flat, on: {update: send}, before_image: full, when: before?.status != "paid", ` + web + "}}", "a plain row has no old one"},
		"a field's expression":      {`on: {update: send}, ` + web + ", properties.value: {expr: amount - before.amount}}}", "before.amount is known only where"},
		"a member's condition":      {"audience_segment: {audience: {name: a}, identifiers: {EMAIL_SHA256: email}, member_when: before.vip || vip}", "before.vip is known only where"},
	} {
		t.Run(name, func(t *testing.T) {
			_, report := Parse([]byte("kafka: {brokers: ['localhost:9092']}\nschema_registry: {url: http://localhost:8081}\n"+
				"connections: {main: {advertiser_id: '7000000000000000001', access_token: '${TOKEN}'}}\nsyncs:\n  - {name: s, topic: t, "+test.sync+"}\n"), settings.Vars(map[string]string{"TOKEN": "t"}))
			if err := report.Err(); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range report.Problems() {
				got = append(got, p.String())
			}
			if text := strings.Join(got, "\n"); (test.want == "") != (text == "") || !strings.Contains(text, test.want) {
				t.Errorf("got %q, want %q", text, test.want)
			}
			if len(got) > 0 && !(strings.HasPrefix(got[0], "5:") && strings.Contains(got[0], ": warning: syncs[0].before_image: ")) {
				t.Errorf("got %q, want the sync's line and key", got[0])
			}
		})
	}
}
