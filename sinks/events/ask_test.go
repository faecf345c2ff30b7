package events

import (
	"context"
	"net/url"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// answers is a TikTok that answers every question with one text.
type answers string

func (s answers) Get(context.Context, string, url.Values) pipeline.Answer {
	return tiktok.Classify(200, []byte(s), nil)
}

func TestTheSourceOfRefusedCallsIsAskedAbout(t *testing.T) {
	box := sandbox.New(sandbox.Config{Limits: sandbox.NoLimits(), Sources: []sandbox.Source{
		{ID: "C4", Advertiser: sandbox.DefaultAdvertiser}, {Kind: "crm", ID: "5", Advertiser: sandbox.DefaultAdvertiser}, {Kind: "offline", ID: "6", Advertiser: sandbox.DefaultAdvertiser}}})
	client := tiktok.NewOver(settings.WithDefaults(tiktok.Config{}), tiktok.FixedToken(sandbox.DefaultToken), box.Transport())
	for _, c := range []struct {
		name     string
		api      Getter
		kind, id string
		want     string
	}{
		{"a pixel that is there", client, "web", "C4", ""},
		{"a pixel that is not", client, "web", "C9", "advertiser " + sandbox.DefaultAdvertiser + " has no pixel C9: correct web_events, or the connection's advertiser_id"},
		{"an event set that is there", client, "crm", "5", ""},
		{"an event set of another kind", client, "crm", "6", "advertiser " + sandbox.DefaultAdvertiser + " has no crm event set 6: correct web_events, or the connection's advertiser_id"},
		{"an offline event set that is there", client, "offline", "6", ""},
		{"an offline event set that is not", client, "offline", "5", "advertiser " + sandbox.DefaultAdvertiser + " has no offline event set 5: correct web_events, or the connection's advertiser_id"},
		{"an app, of which TikTok has no list", answers(`{"code":0,"message":"OK","data":{"pixels":[]}}`), "app", "7", ""},
		{"no answer of TikTok's", answers("<html>Bad Gateway</html>"), "web", "C4", ""},
		{"a token that may not ask", answers(`{"code":40001,"message":"No permission."}`), "web", "C4", ""},
		{"an empty list", answers(`{"code":0,"message":"OK","data":{"pixels":[]}}`), "web", "C4", "advertiser " + sandbox.DefaultAdvertiser + " has no pixel C4: correct web_events, or the connection's advertiser_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			envelope := string(appendEnvelope(nil, c.kind, []byte(c.id), nil))
			if got := (&Plan{}).Ask(c.api, sandbox.DefaultAdvertiser)(t.Context(), envelope); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if (&Plan{}).Ask(client, "") != nil {
		t.Error("without an advertiser there is nothing to ask for")
	}
}
