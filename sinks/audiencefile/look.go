package audiencefile

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// How often every instance looks at the audience while nothing else is to be done, and after a look without an answer.
const (
	lookHourly = time.Hour
	lookSoon   = 10 * time.Minute
)

// sourceLook is the status's source for an audience that cannot be used any more.
const sourceLook = "audience look"

// look shows what TikTok holds of the audience, and when it expires: an unchanged audience is not uploaded for months. That
// TikTok does not answer holds nothing up.
func (j *Job) look(ctx context.Context, id string) {
	j.lookAt = j.deps.now().Add(lookSoon)
	a, err := audience.Directory{API: j.deps.API, Advertiser: j.deps.Advertiser}.Look(ctx, id)
	if err != nil {
		return
	}
	j.lookAt = j.deps.now().Add(lookHourly)
	if a == nil {
		j.deps.Metrics.audiences.Forget(id)
	} else {
		j.deps.Metrics.audiences.Show(a)
	}
	if t := j.fault(a); t != nil && (a != nil || j.plan.cfg.Audience.ID != "") {
		j.trouble(sourceLook, t)
	} else { // one that is gone is made again under its name
		j.clear(sourceLook)
	}
}

// fault is what keeps an audience from being used and replaced for good, with what to do; nil for nothing. a is nil where
// TikTok does not know it.
func (j *Job) fault(a *audience.Details) *pipeline.Trouble {
	switch {
	case a == nil:
		return audience.Stop("the audience is gone at TikTok: correct audience_file.audience")
	case !a.Ours():
		return audience.Stop("the audience belongs to another account, which only shares it: give another one")
	case a.HasExpired(j.deps.now()):
		return audience.Stop("audience %s expired at TikTok on %s, which lets it neither be used nor changed: %s", a.ID, a.Expires.Format(time.DateOnly), j.replacement())
	}
	return nil
}

// replacement is how an audience is replaced that is of no use any more.
func (j *Job) replacement() string {
	text := "delete it with `tokrelay audience delete --sync " + j.deps.Sync + " --although-filled`"
	if j.plan.cfg.Audience.ID != "" {
		return text + " and give another one in audience_file.audience"
	}
	return text + "; the next upload makes it again, under another id"
}
