package segment

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// enough is how often TikTok has to refuse an audience before its rows are rejected.
const enough = 2

// dismiss ends the rows that name an audience which TikTok refuses to create, or one more than there may be, so that they
// hold up no other.
func (f *flush) dismiss(ctx context.Context) error {
	if f.sink.plan.audience == nil {
		return nil
	}
	for i := range f.rows {
		r := &f.rows[i]
		err := f.lookUp(ctx, r.now, r.old)
		no, refused := errors.AsType[*audience.Refused](err)
		_, full := errors.AsType[*audience.Full](err)
		switch {
		case r.rejected != nil && (refused || full):
			r.old = nil // nothing of it was ever sent
			continue
		case refused:
			r.rejected = &pipeline.Rejection{Stage: pipeline.StageSend, Reason: pipeline.UnknownAudience, Field: "audience", APIMessage: no.What}
		case full:
			r.rejected = pipeline.Reject(pipeline.StageMap, pipeline.TooManyAudiences, "audience", fmt.Sprintf("one of the %d audiences that audience_segment.most_audiences allows", f.sink.plan.cfg.MostAudiences))
		case err != nil:
			return err
		}
		r.dismissed = refused || full
	}
	if err := f.lettersOf(ctx, f.sink.Letters(), func(r *rowPlan) bool { return r.dismissed }); err != nil { // their members are not marked yet
		return err
	}
	f.rows = slices.DeleteFunc(f.rows, func(r rowPlan) bool { return r.dismissed })
	return nil
}

// lookUp finds or creates the audiences of a row's claims.
func (f *flush) lookUp(ctx context.Context, sets ...[]byte) error {
	for _, set := range sets {
		for c, rest := next(set); c != nil; c, rest = next(rest) {
			if _, err := f.audiences(ctx, audienceOf(c)); err != nil {
				return err
			}
		}
	}
	return nil
}
