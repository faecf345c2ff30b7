package check

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
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
	answer := parts.client.UserInfo(ctx)
	if !u.answered(what, "the token", &answer, "make a new token in Events Manager, or run tokrelay auth login --connection "+name) {
		return
	}
	u.ok(what, "TikTok takes the token")
	u.permissions(name)
	audiences, pixels := u.wantedOf(name)
	u.advertiser(ctx, name, audiences)
	for _, pixel := range pixels {
		u.pixel(ctx, name, pixel)
	}
	if audiences {
		u.audiences(ctx, name)
	}
}

// wantedOf is what the syncs of a connection need: audiences, and fixed pixels.
func (u *checkup) wantedOf(connection string) (audiences bool, pixels []string) {
	for i := range u.config.Syncs {
		s := &u.config.Syncs[i]
		if name, _ := u.config.ConnectionOf(s); name != connection {
			continue
		}
		audiences = audiences || s.IsAudience()
		if s.WebEvents != nil && s.WebEvents.PixelCode.Static != "" && !slices.Contains(pixels, s.WebEvents.PixelCode.Static) {
			pixels = append(pixels, s.WebEvents.PixelCode.Static)
		}
	}
	return audiences, pixels
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

// answered reports whether TikTok accepted a question; if not, it adds what to do.
func (u *checkup) answered(what, of string, a *pipeline.Answer, cure string) bool {
	switch a.Verdict {
	case pipeline.Accepted, pipeline.Warned:
		return true
	case pipeline.Denied, pipeline.Broken, pipeline.Refused:
		u.fail(what, fmt.Sprintf("TikTok refuses %s: %s (%s)", of, a.Message, a.CodeText()), cure)
	default:
		u.warn(what, fmt.Sprintf("TikTok did not answer about %s: %s (%s)", of, a.Message, a.CodeText()), "try again in a while")
	}
	return false
}

func (u *checkup) advertiser(ctx context.Context, name string, needed bool) {
	id := u.config.Connections[name].AdvertiserID
	if id == "" {
		return // the configuration's check demands it where it is needed
	}
	ids, _ := json.Marshal([]string{id}) // a text always encodes
	answer := u.accounts[name].client.Get(ctx, "/advertiser/info/", url.Values{"advertiser_ids": {string(ids)}})
	if answer.Verdict == pipeline.Denied && !needed {
		u.ok("advertiser "+id, "not looked at: the token is for events alone")
		return
	}
	if u.answered("advertiser "+id, "it", &answer, "check connections."+name+".advertiser_id; the person who gave consent needs the role Admin or Operator there") {
		u.ok("advertiser "+id, "the token reaches it")
	}
}

func (u *checkup) pixel(ctx context.Context, name, code string) {
	id := u.config.Connections[name].AdvertiserID
	if id == "" {
		u.warn("pixel "+code, "not looked for: the connection has no advertiser_id", "")
		return
	}
	has, answer := events.EventSource{Kind: "web", ID: code}.Of(ctx, u.accounts[name].client, id)
	if answer.Verdict == pipeline.Denied {
		u.warn("pixel "+code, "the token may not list pixels, so that it was not looked for", "compare the code with Events Manager")
		return
	}
	if !u.answered("pixel "+code, "to list pixels", &answer, "compare the code with Events Manager") {
		return
	}
	if !has {
		u.fail("pixel "+code, "advertiser "+id+" has no such pixel", "copy pixel_code from Events Manager, and see that advertiser_id owns it")
		return
	}
	u.ok("pixel "+code, "advertiser "+id+" owns it")
}
