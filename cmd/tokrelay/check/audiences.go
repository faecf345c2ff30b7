package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
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
				u.audience(ctx, s, advertiser, list)
			}
		}
	}
}

// audiencesOf asks for something that only a token for audiences gets.
func (u *checkup) audiencesOf(ctx context.Context, connection, advertiser string) ([]audience.Details, bool) {
	list, err := audience.Directory{API: u.accounts[connection].api, Advertiser: advertiser}.List(ctx)
	if err != nil {
		cure := "see what TikTok says"
		switch trouble, _ := errors.AsType[*pipeline.Trouble](err); {
		case trouble == nil:
		case trouble.Kind == pipeline.TroubleToken:
			cure = permissionCure(trouble.What, connection, "the token needs Audience Management: add it to the developer app, then run tokrelay auth login --connection "+connection)
		case !trouble.Stop:
			cure = laterCure
		}
		u.fail("audiences of "+advertiser, err.Error(), cure)
		return nil, false
	}
	u.ok("audiences of "+advertiser, fmt.Sprintf("the token may read them; there are %d", len(list)))
	return list, true
}

// audience says what the sync will do about its audience: as it is at TikTok, and as the sync is bound to it.
func (u *checkup) audience(ctx context.Context, s *daemon.Sync, advertiser string, list []audience.Details) {
	name, id := s.AudienceNamed()
	if name == "" && id == "" {
		return // rows name them
	}
	what := "audience " + name + id
	bound, trouble := u.bound(ctx, s, advertiser, name, id)
	if trouble != nil {
		u.fail(what, trouble.What, "the sync is held until then")
		return
	}
	if id == "" {
		if id = bound; id == "" {
			id = u.chosen(what, s, name, list)
		}
	}
	if id == "" {
		return
	}
	at := slices.IndexFunc(list, func(d audience.Details) bool { return d.ID == id })
	switch {
	case at < 0 && bound != "":
		u.fail(what, "is gone at TikTok (id "+id+"): the sync is held", "run tokrelay resync --sync "+s.Name+" --recreate, which makes it again and fills it from the start")
	case at < 0:
		u.fail(what, "advertiser "+advertiser+" has no audience of this id", "correct it in sync "+s.Name+": tokrelay audience list shows those there are")
	case list[at].Ours() && list[at].IsPartner() != (s.Kind() == daemon.KindSegment):
		u.fail(what, "is filled in another way ("+list[at].Kind+") than sync "+s.Name+" does: the sync is held", "name another audience: TikTok does not mix the two")
	case !list[at].Ours(), s.Kind() == daemon.KindSegment && list[at].HasExpired(u.now):
		u.fail(what, audience.Fault(&list[at], u.now)+": the sync is held", "name another audience, and run tokrelay resync --sync "+s.Name+" --recreate if it is streamed")
	case u.state != nil && !slices.Contains([]string{"", s.Name}, audience.FilledBy(u.state, advertiser, id)):
		u.fail(what, "is filled by sync "+audience.FilledBy(u.state, advertiser, id)+": the sync is held", "name another audience; if no instance runs that sync any more, run tokrelay resync --sync "+s.Name)
	default:
		u.renamed(what, name, &list[at])
		u.audienceState(what, &list[at])
		u.left(ctx, what, s)
	}
}

// left tells of syncs whose people stay.
func (u *checkup) left(ctx context.Context, what string, s *daemon.Sync) {
	left, err := u.config.LeftSyncs(ctx, u.admin, u.state, s)
	if err != nil {
		u.failed(what, err)
	}
	for _, name := range left {
		u.warn(what, "was filled by sync "+name+", too, which is not in the configuration any more: its people stay in it", daemon.LeftCure)
	}
}

// renamed tells of an audience that has got another name at TikTok.
func (u *checkup) renamed(what, name string, d *audience.Details) {
	if name != "" && d.Name != audience.Shortened(name) {
		u.ok(what, fmt.Sprintf("is called %q at TikTok by now (id %s): the sync goes on filling it", d.Name, d.ID))
	}
}

// bound is the id of the streamed audience the sync is bound to, "" for none; or why it may not fill what is configured.
func (u *checkup) bound(ctx context.Context, s *daemon.Sync, advertiser, name, id string) (string, *pipeline.Trouble) {
	if u.state == nil {
		return "", nil
	}
	want := audience.Binding{Mode: audience.File, Name: name}
	if s.Kind() == daemon.KindSegment {
		want.Mode = audience.Owned
		if id != "" {
			want.IDs = map[string]string{s.Advertisers()[0]: id}
		}
	}
	b, err := audience.Bound(ctx, u.state, s.Name, audience.Key(s.Name, ""), want)
	trouble, _ := errors.AsType[*pipeline.Trouble](err)
	return b.IDs[advertiser], trouble
}

// chosen is the audience of the name that the sync will fill, as its start finds it; "" where it makes one, or cannot choose.
func (u *checkup) chosen(what string, s *daemon.Sync, name string, list []audience.Details) string {
	streamed := s.Kind() == daemon.KindSegment
	same := audience.Named(list, audience.Shortened(name), func(d *audience.Details) bool { return d.IsPartner() == streamed })
	isForeign := slices.ContainsFunc(same, func(d audience.Details) bool { return !d.Ours() })
	list = slices.DeleteFunc(same, func(d audience.Details) bool { return !d.Ours() || d.HasExpired(u.now) })
	switch {
	case len(list) == 0 && isForeign:
		u.ok(what, "is another account's, which shares it, and never filled; sync "+s.Name+" makes one of its own")
	case len(list) == 0:
		u.ok(what, "does not exist yet; sync "+s.Name+" makes it")
	case len(list) > 1 && !streamed:
		u.fail(what, fmt.Sprintf("there are %d of this name: the sync is held", len(list)), "choose one by audience: {id: …}; tokrelay audience list shows them")
	default:
		if len(list) > 1 {
			u.warn(what, fmt.Sprintf("there are %d of this name: the sync fills the oldest, id %s", len(list), list[0].ID), "to fill another, choose it by audience: {id: …}")
		}
		return list[0].ID
	}
	return ""
}

func (u *checkup) audienceState(what string, d *audience.Details) {
	says := fmt.Sprintf("%s, %d people covered", d.Status(u.now, time.Time{}), d.Covered)
	switch d.Status(u.now, time.Time{}) {
	case audience.Ready:
		u.ok(what, says)
	case audience.Processing:
		u.ok(what, says+": TikTok takes up to two days, and uses none below 1000 people")
	case audience.Expired:
		u.warn(what, says, "TikTok let it go because no ad used it, and it can only be deleted: tokrelay audience delete --id "+d.ID+"; the next upload makes a new one")
	default:
		if d.Error != nil && *d.Error != "" {
			says += fmt.Sprintf(", TikTok says %q", *d.Error)
		}
		u.warn(what, says, "TikTok does not use it: see that at least 1000 of its people are on TikTok; tokrelay audience show tells what was sent")
	}
}
