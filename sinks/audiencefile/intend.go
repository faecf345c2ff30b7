package audiencefile

import (
	"context"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// intend says what the upload will be: of a new audience, or in the place of what one holds.
func (r *run) intend(ctx context.Context, b *build.Output) (Upload, error) {
	u := Upload{Run: r.manifest.Run, Action: actionCreate, Members: b.Members, Digest: b.Digest}
	id, err := r.job.known(ctx, &r.ledger)
	if err != nil {
		return u, err
	}
	r.ledger.AudienceID = id
	if id != "" {
		a, err := r.job.directory().Look(ctx, id)
		if err != nil {
			return u, err
		}
		if err := r.editable(a); err != nil {
			return u, err
		}
		if err := r.job.own(ctx, id); err != nil {
			return u, err
		}
		u.Action, u.Before = actionReplace, a.Covered
	}
	r.manifest.Action = u.Action
	return u, nil
}

// editable reports whether an audience can be replaced now.
func (r *run) editable(a *audience.Details) error {
	if t := r.job.fault(a); t != nil {
		return t
	}
	if !a.IsFile() {
		return audience.Stop("the audience is not filled by files: give another one, or use audience_segment")
	}
	if a.Kind != "" && a.Kind != r.job.plan.layout.Kind {
		return audience.Stop("the audience is matched by %s, not by %s: give another one, or map that identifier", a.Kind, r.job.plan.layout.Kind)
	}
	if a.Valid {
		return nil
	}
	if changed := changedSince(a, r.job.deps.now().Add(-audience.Settling)); changed && a.Failure() == "" {
		return r.putOff(pipeline.StateNotEditable)
	}
	return audience.Stop("TikTok lets the audience be used and changed no more, most likely because it was made of too few members: %s", r.job.replacement())
}
