package check

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const answersConfig = `
kafka: {brokers: ["${BROKER}"]}
connections: {main: {access_token: "${TOKEN}", base_url: "${TIKTOK}", advertiser_id: "` + sandbox.DefaultAdvertiser + `"}}
dead_letter: {replication: 1}
syncs:
  - {name: leads, topic: leads, framing: json, web_events: &events {event_source: crm, event_source_id: "` + sandbox.DefaultCRMSet + `", event: Lead, event_id: {column: id},
     fields: {event_time: at, user.email: email, lead.lead_id: lead}}}
  - {name: sales, topic: leads, framing: json, web_events: {event_source: offline, event_source_id: "7000000000000000999", event: Purchase, event_id: {column: id},
     fields: {event_time: at, user.email: email}}}
  - {name: visits, topic: leads, framing: json, web_events: {pixel_code: ` + sandbox.DefaultPixel + `, event: Lead, event_id: {column: id},
     fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}}
  - {name: members, topic: leads, framing: json, audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email}}}
`

func answered(t *testing.T, tiktok *sandbox.Sandbox) []Finding {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "leads"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return checked(t, cluster, answersConfig, tiktok)
}

func TestPixelsAndEventSetsAreLookedFor(t *testing.T) {
	list := answered(t, sandbox.New(sandbox.Config{}))
	wantFinding(t, list, OK, "crm event set "+sandbox.DefaultCRMSet, "owns it", "")
	wantFinding(t, list, OK, "pixel "+sandbox.DefaultPixel, "owns it", "")
	wantFinding(t, list, Fail, "offline event set 7000000000000000999", "has no such event set", "Events Manager")
}

// The code is 40001 for both, and the remedies have nothing in common.
func TestTheAppThatLacksAPermissionIsToldFromTheAdvertiserThatWasLeftOut(t *testing.T) {
	app := answered(t, sandbox.New(sandbox.Config{Tokens: []sandbox.Token{{Value: sandbox.DefaultToken, Scopes: []int64{sandbox.ScopeEvents}}}}))
	audiences := "audiences of " + sandbox.DefaultAdvertiser
	wantFinding(t, app, Fail, audiences, "lacks the required scope", "add it to the app in TikTok's developer portal")
	wantFinding(t, app, Warn, "pixel "+sandbox.DefaultPixel, "lacks the required scope", "add it to the app in TikTok's developer portal")
	asset := answered(t, sandbox.New(sandbox.Config{Tokens: []sandbox.Token{{Value: sandbox.DefaultToken, Advertisers: []string{}}}}))
	wantFinding(t, asset, Fail, audiences, "does not grant you", "who gave consent left this advertiser out: run tokrelay auth login --connection main again")
	wantFinding(t, asset, Fail, "advertiser "+sandbox.DefaultAdvertiser, "does not grant you", "and choose it")
}

func TestAThrottledQuestionIsAskedAgain(t *testing.T) {
	t.Parallel()
	tiktok := sandbox.New(sandbox.Config{})
	for _, endpoint := range []string{"/dmp/custom_audience/list/", "/pixel/list/", "/user/info/"} {
		tiktok.AddFault(sandbox.Fault{Endpoint: endpoint, Code: 40100, Count: 1})
	}
	list := answered(t, tiktok)
	wantFinding(t, list, OK, "audiences of "+sandbox.DefaultAdvertiser, "the token may read them", "")
	wantFinding(t, list, OK, "pixel "+sandbox.DefaultPixel, "owns it", "")
	wantFinding(t, list, OK, "connection main", "TikTok takes the token", "")
}

func TestWhatStaysThrottledFailsAndBlamesNoPermission(t *testing.T) {
	t.Parallel()
	tiktok := sandbox.New(sandbox.Config{})
	for _, endpoint := range []string{"/dmp/custom_audience/list/", "/pixel/list/"} {
		tiktok.AddFault(sandbox.Fault{Endpoint: endpoint, Code: 40100})
	}
	list := answered(t, tiktok)
	wantFinding(t, list, Fail, "audiences of "+sandbox.DefaultAdvertiser, "Too many requests", "run the check again in five minutes")
	wantFinding(t, list, Fail, "pixel "+sandbox.DefaultPixel, "Too many requests", "run the check again in five minutes")
}

func TestASyncThatWouldSendNoneOfTheNewestRowsFails(t *testing.T) {
	for _, c := range []struct{ name, sync, value, state, says, cure string }{
		{"all left out", `web_events: {pixel_code: C, event: Lead, event_id: {column: id}, fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}
    when: "paid == true"`, `{"id": "1", "at": 1, "email": "ann@x.org", "paid": false}`, Fail, "of the newest 1 row(s) 0 would be sent, 0 rejected, 1 skipped", "tokrelay preview --from-topic --sync members"},
		{"all rejected", `web_events: {pixel_code: C, event: Lead, event_id: {column: id}, fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}`,
			`{"id": "1", "at": "never", "email": "ann@x.org"}`, Fail, "0 would be sent, 1 rejected, 0 skipped: 1 ", "tokrelay preview --from-topic --sync members"},
		{"one that is sent", `audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email}}`, `{"email": "ann@x.org"}`, OK, "1 would be sent", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantFinding(t, triedOut(t, "    "+c.sync, []string{c.value}), c.state, "sync members", c.says, c.cure)
		})
	}
}
