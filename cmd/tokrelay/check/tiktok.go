package check

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// connection looks at a TikTok account: the token, what it may do, the advertiser, the pixels of its syncs, the clock.
func (u *checkup) connection(ctx context.Context, name string) {
	what, parts := "connection "+name, u.accounts[name]
	if _, err := parts.token.Read(); err != nil {
		u.fail(what, err.Error(), "set connections."+name+".access_token, or run tokrelay auth login --connection "+name)
		return
	}
	if !u.clock(ctx, what, parts.client) {
		return
	}
	answer := parts.api.Get(ctx, "/user/info/", nil)
	if !u.answered(what, "the token", &answer, "make a new token in Events Manager, or run tokrelay auth login --connection "+name) {
		return
	}
	u.ok(what, "TikTok takes the token")
	u.permissions(name)
	audiences, sources := u.wantedOf(name)
	u.advertiser(ctx, name, audiences)
	for _, source := range sources {
		u.eventSource(ctx, name, source)
	}
	if audiences {
		u.audiences(ctx, name)
	}
}

// wantedOf is what the syncs of a connection need: audiences, and fixed pixels and event sets.
func (u *checkup) wantedOf(connection string) (audiences bool, sources []events.EventSource) {
	for i := range u.config.Syncs {
		s := &u.config.Syncs[i]
		if name, _ := u.config.ConnectionOf(s); name != connection {
			continue
		}
		audiences = audiences || s.IsAudience()
		if s.WebEvents == nil {
			continue
		}
		source := events.EventSource{Kind: s.WebEvents.EventSource.Static, ID: cmp.Or(s.WebEvents.PixelCode.Static, s.WebEvents.EventSourceID.Static)}
		if source.Kind != "" && source.ID != "" && !slices.Contains(sources, source) {
			sources = append(sources, source)
		}
	}
	return audiences, sources
}

// maxSkew is what TikTok forgives of times in the future.
const maxSkew = time.Minute

func (u *checkup) clock(ctx context.Context, what string, client *tiktok.Client) bool {
	before := time.Now()
	theirs, err := client.Clock(ctx)
	if err != nil {
		u.fail(what, err.Error(), "see that base_url is right, and that this machine reaches it (proxy, firewall)")
		return false
	}
	skew := before.Add(time.Since(before) / 2).Sub(theirs).Round(time.Second)
	if skew.Abs() > maxSkew {
		u.warn(what, fmt.Sprintf("this machine's clock is %s off TikTok's", skew), "synchronise it (NTP): event times are judged by TikTok's clock")
		return true
	}
	u.ok(what, "reached; the clocks agree")
	return true
}

// laterCure is what to do where TikTok gives no answer now. A minute that was too full is blocked for five.
const laterCure = "run the check again in five minutes: this was not looked at"

// permissionCure is what to do about a refusal for want of permission: TikTok's text alone tells the app's lack from the advertiser's.
func permissionCure(message, connection, otherwise string) string {
	switch {
	case strings.Contains(message, "lacks the required scope"):
		return "the developer app lacks this permission, and consent does not help: add it to the app in TikTok's developer portal, then run tokrelay auth login --connection " + connection
	case strings.Contains(message, "does not grant you"):
		return "who gave consent left this advertiser out: run tokrelay auth login --connection " + connection + " again, and choose it"
	}
	return otherwise
}

// answered reports whether TikTok accepted a question; if not, it adds what to do.
func (u *checkup) answered(what, of string, a *pipeline.Answer, cure string) bool {
	switch a.Verdict {
	case pipeline.Accepted, pipeline.Warned:
		return true
	case pipeline.Denied, pipeline.Broken, pipeline.Refused:
		u.fail(what, fmt.Sprintf("TikTok refuses %s: %s (%s)", of, a.Message, a.CodeText()), cure)
	default:
		u.fail(what, fmt.Sprintf("TikTok did not answer about %s: %s (%s)", of, a.Message, a.CodeText()), laterCure)
	}
	return false
}

func (u *checkup) advertiser(ctx context.Context, name string, needed bool) {
	id := u.config.Connections[name].AdvertiserID
	if id == "" {
		return // the configuration's check demands it where it is needed
	}
	ids, _ := json.Marshal([]string{id}) // a text always encodes
	answer := u.accounts[name].api.Get(ctx, "/advertiser/info/", url.Values{"advertiser_ids": {string(ids)}})
	cure := permissionCure(answer.Message, name, "")
	if answer.Verdict == pipeline.Denied && !needed && !strings.Contains(answer.Message, "does not grant you") {
		u.ok("advertiser "+id, "not looked at: the token is for events alone")
		return
	}
	if u.answered("advertiser "+id, "it", &answer, cmp.Or(cure, "check connections."+name+".advertiser_id; the person who gave consent needs the role Admin or Operator there")) {
		u.ok("advertiser "+id, "the token reaches it")
	}
}

// eventSource looks for a pixel or an event set among the advertiser's.
func (u *checkup) eventSource(ctx context.Context, name string, source events.EventSource) {
	id, what, kind := u.config.Connections[name].AdvertiserID, source.String(), "pixel"
	if source.Kind != "web" {
		kind = "event set"
	}
	if !source.IsListed() {
		u.warn(what, "not looked for: TikTok has no list of apps that can be asked", "compare it with Events Manager; TikTok takes app events of developers alone whom it has allowed them (40118)")
		return
	}
	if id == "" {
		u.warn(what, "not looked for: the connection has no advertiser_id", "")
		return
	}
	has, answer := source.Of(ctx, u.accounts[name].api, id)
	compare := "compare it with Events Manager"
	if answer.Verdict == pipeline.Denied {
		u.warn(what, "the token may not list "+kind+"s, so that it was not looked for: "+answer.Message, permissionCure(answer.Message, name, compare))
		return
	}
	if !u.answered(what, "to list "+kind+"s", &answer, compare) {
		return
	}
	if !has {
		u.fail(what, "advertiser "+id+" has no such "+kind, "copy its id from Events Manager, and see that advertiser_id owns it")
		return
	}
	u.ok(what, "advertiser "+id+" owns it")
}
