package daemon

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// emptyLists answers every question with lists that hold nothing.
type emptyLists struct{}

func (emptyLists) RoundTrip(r *http.Request) (*http.Response, error) {
	text := `{"code":0,"message":"OK","data":{"list":[],"pixels":[],"crm_event_sets":[],"event_set_list":[]}}`
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// What a sync is bound to is asked about with its own client, in the name of its connection's advertiser.
func TestSyncsAskAboutTheirOwnDestination(t *testing.T) {
	c, report := Parse([]byte(aroundSync+`
  - {name: web, topic: a, web_events: {pixel_code: C4, event: Lead,
      fields: {event_time: at, user.email: email, page.url: {value: "https://x.example/"}}}}
  - {name: crm, topic: a, web_events: {event_source: crm, event_source_id: "5", event: Lead,
      fields: {event_time: at, user.email: email, lead.lead_id: lead}}}
  - {name: rows, topic: a, audience_segment: {audience: {column: list, by: id}, identifiers: {EMAIL_SHA256: email}}}
`), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	account := c.Connections["main"]
	account.Transport = emptyLists{}
	c.Connections["main"] = account
	w, err := Wire(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i, want := range []struct{ envelope, text string }{
		{`"event_source":"web","event_source_id":"C4"`, "advertiser 7000000000000000001 has no pixel C4: "},
		{`"event_source":"crm","event_source_id":"5"`, "advertiser 7000000000000000001 has no crm event set 5: "},
		{"add\t123", "an audience that rows name by its id is gone at TikTok: "},
	} {
		s := &c.Syncs[i]
		flow, err := w.Flow(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.ask(s, flow.sink, w.target(s, flow.sink))(t.Context(), want.envelope); !strings.HasPrefix(got, want.text) {
			t.Errorf("%s: got %q, want %q", s.Name, got, want.text)
		}
	}
}
