package segment

import (
	"context"

	"github.com/tokrelay/tokrelay/pipeline"
)

// settle ends the rows that delivery had nothing to do for.
func (f *flush) settle(ctx context.Context) error {
	if err := f.writeLetters(ctx, f.sink.deps.DeadLetters); err != nil {
		return err
	}
	f.settleIf(func(r *rowPlan) bool { return !r.sent && r.rejected == nil })
	return nil
}

// settleFollowers ends the rows whose last row has settled although the chunk has not: it answers for them.
func (f *flush) settleFollowers() {
	if f.sink.plan.remembers {
		return // they have settled
	}
	for i := range f.rows {
		last := &f.rows[f.lastOf(int32(i))]
		f.rows[i].follows = last != &f.rows[i] && f.chunk.Settled(int(last.row)) != pipeline.Unsettled
	}
	f.settleIf(func(r *rowPlan) bool { return r.follows })
}

func (f *flush) settleIf(isSkipped func(r *rowPlan) bool) {
	n := 0
	for i := range f.rows {
		if r := &f.rows[i]; isSkipped(r) && f.chunk.Settle(int(r.row), pipeline.Skipped) {
			f.sink.plan.rows.Skipped(r.skip, 1)
			n++
		}
	}
	f.sink.plan.rows.Settled(pipeline.Skipped, n)
}

// writeLetters writes the letters of rows that were rejected here.
func (f *flush) writeLetters(ctx context.Context, to DeadLetters) error {
	var letters []pipeline.Letter
	for i := range f.rows {
		if r := &f.rows[i]; r.rejected != nil {
			letters = append(letters, pipeline.Letter{Record: &f.chunk.Records[r.row], Rejection: r.rejected})
		}
	}
	if len(letters) == 0 {
		return nil
	}
	if err := to.Rows(ctx, letters); err != nil {
		return err
	}
	for i := range f.rows {
		if r := &f.rows[i]; r.rejected != nil && f.chunk.Settle(int(r.row), pipeline.DeadLettered) {
			f.sink.plan.rows.Rejected(r.rejected)
			f.sink.plan.rows.Settled(pipeline.DeadLettered, 1)
		}
	}
	return nil
}
