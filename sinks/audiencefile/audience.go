package audiencefile

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// bind has it remembered that the sync fills its audience by file. It refuses a sync that filled it by segment until its
// members are forgotten: what they left behind would be taken for what is there when it goes back.
func (j *Job) bind(ctx context.Context) error {
	own, key := j.plan.cfg.Audience, audience.Key(j.deps.Sync, "")
	want := audience.Binding{Mode: audience.File, Name: own.Name}
	b, err := audience.Bound(ctx, j.deps.Store, j.deps.Sync, key, want)
	if err != nil {
		return err
	}
	if b.Mode == want.Mode && b.Name == want.Name {
		return nil
	}
	want.Generation, want.Takes = b.Generation, b.Takes
	return audience.Remember(ctx, j.deps.Store, key, want)
}

// reserve has it remembered, before there is an audience of the name, that it is this sync's.
func (j *Job) reserve(ctx context.Context) error {
	if name := j.plan.cfg.Audience.Name; name != "" {
		return j.claim(ctx, "of files named "+name)
	}
	return nil // claimed by its id
}

// claim has it remembered that the audience is this sync's.
func (j *Job) claim(ctx context.Context, what string) error {
	return audience.Claim(ctx, j.deps.Store, audience.Filler{Sync: j.deps.Sync}, j.deps.Advertiser, what)
}

// own has it remembered, once its id is known, that the audience is this sync's.
func (j *Job) own(ctx context.Context, id string) error {
	if err := j.claim(ctx, id); err != nil {
		return err
	}
	return audience.EndTakeover(ctx, j.deps.Store, j.deps.Sync)
}

// patient asks TikTok until the answer is one to act on; an audience.Getter.
type patient struct{ job *Job }

func (p patient) Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer {
	a, err := p.job.insist(ctx, call{method: http.MethodGet, endpoint: endpoint, again: harmless,
		do: func() pipeline.Answer { return p.job.deps.API.Get(ctx, endpoint, query) }})
	if err != nil {
		return tiktok.Unanswered(err)
	}
	return a
}

func (j *Job) directory() audience.Directory {
	return audience.Directory{API: patient{j}, Advertiser: j.deps.Advertiser}
}

// find looks for the advertiser's own file audiences of the configured name. One that has expired can only be deleted.
func (j *Job) find(ctx context.Context) ([]audience.Details, error) {
	return j.directory().Find(ctx, j.plan.cfg.Audience.Name, func(d *audience.Details) bool {
		return d.IsFile() && d.Ours() && !d.HasExpired(j.deps.now())
	})
}

// changedSince reports whether TikTok's history has anything that happened at t or later.
func changedSince(d *audience.Details, t time.Time) bool {
	return slices.ContainsFunc(d.History, func(c audience.Change) bool { return !c.Time.Before(t) })
}

// remarkSince is what TikTok says of a change at t or later that it could not make whole.
func remarkSince(d *audience.Details, t time.Time) string {
	for _, c := range d.History {
		if c.Msg != "" && !c.Time.Before(t) {
			return c.Msg
		}
	}
	return ""
}

// known gives the id of the audience to replace, "" when there is none of that name yet (find before create).
func (j *Job) known(ctx context.Context, l *ledger) (string, error) {
	if id := j.plan.cfg.Audience.ID; id != "" {
		return id, nil
	}
	if l.AudienceID != "" {
		a, err := j.directory().Look(ctx, l.AudienceID)
		if err != nil || a != nil {
			return l.AudienceID, err
		}
		j.deps.Log.Warn("the audience was deleted at TikTok; looking for its name again", "audience_id", l.AudienceID)
	}
	found, err := j.find(ctx)
	switch {
	case err != nil || len(found) == 0:
		return "", err
	case len(found) > 1:
		return "", audience.Stop("the advertiser has %d file audiences of this name: choose one by `audience: {id: …}`, for example the oldest, %q", len(found), found[0].ID)
	case found[0].Kind != "" && found[0].Kind != j.plan.layout.Kind:
		return "", audience.Stop("the audience of this name is matched by %s, not by %s: give another name, or map that identifier", found[0].Kind, j.plan.layout.Kind)
	}
	return found[0].ID, nil
}
