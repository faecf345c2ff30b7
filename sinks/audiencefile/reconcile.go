package audiencefile

import (
	"context"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// clockSlack is how far TikTok's clock may be from ours.
const clockSlack = 2 * time.Minute

// applied asks TikTok whether the ledger's intent had its effect, and on which audience.
func (j *Job) applied(ctx context.Context, l *ledger) (id string, yes bool, err error) {
	since := l.Intent.At.Add(-clockSlack)
	if l.Intent.Action == actionReplace {
		a, err := j.directory().Look(ctx, l.AudienceID)
		if err != nil || a == nil {
			return "", false, err
		}
		// An audience that was editable before the call and is not now is being processed: by our upload.
		return a.ID, changedSince(a, since) || !a.Valid, nil
	}
	found, err := j.find(ctx)
	if err != nil {
		return "", false, err
	}
	i := slices.IndexFunc(found, func(a audience.Details) bool { return !a.Created.Before(since) })
	if i < 0 {
		return "", false, nil
	}
	return found[i].ID, true, nil
}

// lateEffect is how long after a call TikTok may still come round to it.
const lateEffect = 10 * time.Minute

// reconcile settles an intent that a crash left behind: the upload was accepted, or it was not and another may follow.
func (j *Job) reconcile(ctx context.Context, l *ledger) error {
	for l.Intent != nil {
		id, yes, err := j.applied(ctx, l)
		if err != nil {
			return err
		}
		if yes {
			j.deps.Log.Info("an upload that was under way at a crash had been accepted", "run", l.Intent.Run)
			return j.adopt(ctx, l, id)
		}
		left := l.Intent.At.Add(lateEffect).Sub(j.deps.now())
		if left <= 0 {
			j.deps.Log.Info("an upload that was under way at a crash had not been accepted", "run", l.Intent.Run)
			l.Intent = nil
			return j.deps.save(ctx, "ledger", l)
		}
		if err := pipeline.Wait(ctx, min(left, time.Minute)); err != nil {
			return err
		}
	}
	return nil
}
