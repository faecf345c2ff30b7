package segment

import (
	"context"
	"errors"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// enough is how often TikTok has to refuse an audience before its rows are rejected.
const enough = 2

// dismiss ends the rows that name an audience which TikTok refuses to create, so that they hold up no other.
func (f *flush) dismiss(ctx context.Context) error {
	if f.sink.plan.audience == nil {
		return nil
	}
	var letters []pipeline.Letter
	var dismissed []int32
	kept := f.rows[:0]
	for _, r := range f.rows {
		err := f.lookUp(ctx, r.now, r.old)
		no, refused := errors.AsType[*audience.Refused](err)
		switch {
		case refused:
			why := &pipeline.Rejection{Stage: pipeline.StageSend, Reason: pipeline.UnknownAudience, Field: "audience", APIMessage: no.What}
			letters = append(letters, pipeline.Letter{Record: &f.chunk.Records[r.row], Rejection: why})
			dismissed = append(dismissed, r.row)
		case err != nil:
			return err
		default:
			kept = append(kept, r)
		}
	}
	f.rows = kept
	if len(letters) == 0 {
		return nil
	}
	if err := f.sink.Letters().Rows(ctx, letters); err != nil {
		return err
	}
	for i, row := range dismissed {
		f.settleRejected(row, letters[i].Rejection)
	}
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
