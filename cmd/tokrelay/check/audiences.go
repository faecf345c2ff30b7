package check

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// audiences looks at the audiences that syncs of the connection fill: whether they are there, and how they are.
func (u *checkup) audiences(ctx context.Context, connection string) {
	lists := map[string][]audience.Details{}
	for i := range u.config.Syncs {
		s := &u.config.Syncs[i]
		if name, _ := u.config.ConnectionOf(s); name != connection || !s.IsAudience() {
			continue
		}
		for _, advertiser := range s.Advertisers() {
			list, asked := lists[advertiser]
			if !asked {
				list, asked = u.audiencesOf(ctx, connection, advertiser)
				lists[advertiser] = list
			}
			if asked {
				u.audience(s, advertiser, list)
			}
		}
	}
}

// audiencesOf asks for something that only a token for audiences gets.
func (u *checkup) audiencesOf(ctx context.Context, connection, advertiser string) ([]audience.Details, bool) {
	list, err := audience.Directory{API: u.accounts[connection].client, Advertiser: advertiser}.List(ctx)
	if err != nil {
		u.fail("audiences of "+advertiser, err.Error(), "the token needs Audience Management: add it to the developer app, then run tokrelay auth login --connection "+connection)
		return nil, false
	}
	u.ok("audiences of "+advertiser, fmt.Sprintf("the token may read them; there are %d", len(list)))
	return list, true
}

// wantedBy is how the configuration names the sync's audience; both are empty where rows do.
func wantedBy(s *daemon.Sync) (name, id string) {
	if s.AudienceFile != nil {
		return s.AudienceFile.Audience.Name, s.AudienceFile.Audience.ID
	}
	return s.AudienceSegment.Audience.Name, s.AudienceSegment.Audience.ID
}

func (u *checkup) audience(s *daemon.Sync, advertiser string, list []audience.Details) {
	name, id := wantedBy(s)
	if name == "" && id == "" {
		return // rows name them
	}
	what := "audience " + name + id
	at := slices.IndexFunc(list, func(d audience.Details) bool {
		return id != "" && d.ID == id || id == "" && d.Name == audience.Shortened(name) && d.IsPartner() == (s.Kind() == daemon.KindSegment)
	})
	switch {
	case at < 0 && id != "":
		u.fail(what, "advertiser "+advertiser+" has no audience of this id", "correct it in sync "+s.Name+": tokrelay audience list shows those there are")
	case at < 0:
		u.ok(what, "does not exist yet; sync "+s.Name+" makes it")
	case list[at].IsPartner() != (s.Kind() == daemon.KindSegment):
		u.fail(what, "is filled in another way ("+list[at].Kind+") than sync "+s.Name+" does", "name another audience: TikTok does not mix the two")
	default:
		u.audienceState(what, &list[at])
	}
}

func (u *checkup) audienceState(what string, d *audience.Details) {
	says := fmt.Sprintf("%s, %d people covered", d.Status(u.now, time.Time{}), d.Covered)
	switch d.Status(u.now, time.Time{}) {
	case audience.Ready:
		u.ok(what, says)
	case audience.Processing:
		u.ok(what, says+": TikTok takes up to two days, and uses none below 1000 people")
	case audience.Expired:
		u.warn(what, says, "TikTok let it go because no ad used it: bring it back in TikTok Ads Manager, or name a new one")
	default:
		if d.Error != nil && *d.Error != "" {
			says += fmt.Sprintf(", TikTok says %q", *d.Error)
		}
		u.warn(what, says, "TikTok does not use it: see that at least 1000 of its people are on TikTok; tokrelay audience show tells what was sent")
	}
}
