package segment

import (
	"context"

	"github.com/tokrelay/tokrelay/pipeline"
)

// settle ends the rows that delivery had nothing to do for.
func (f *flush) settle(ctx context.Context) error {
	if err := f.lettersOf(ctx, f.sink.deps.DeadLetters, func(*rowPlan) bool { return true }); err != nil {
		return err
	}
	f.settleIf(func(r *rowPlan) bool { return !r.sent && r.rejected == nil })
	return nil
}

// settleFollowers ends the rows whose last row has settled although the chunk has not: it answers for them.
func (f *flush) settleFollowers(ctx context.Context) {
	if f.sink.plan.remembers {
		return // they have settled
	}
	for i := range f.rows {
		last := &f.rows[f.lastOf(int32(i))]
		f.rows[i].follows = last != &f.rows[i] && f.chunk.Settled(int(last.row)) != pipeline.Unsettled
	}
	if f.lettersOf(ctx, f.sink.deps.DeadLetters, func(r *rowPlan) bool { return r.follows }) == nil {
		f.settleIf(func(r *rowPlan) bool { return r.follows })
	}
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

// lettersOf writes the letters of rejected rows that delivery has not settled, and settles them.
func (f *flush) lettersOf(ctx context.Context, to DeadLetters, are func(r *rowPlan) bool) error {
	var letters []pipeline.Letter
	for i := range f.rows {
		if r := &f.rows[i]; r.rejected != nil && are(r) && f.chunk.Settled(int(r.row)) == pipeline.Unsettled {
			letters = append(letters, pipeline.Letter{Record: f.record(r), Rejection: r.rejected, SchemaID: r.schema})
		}
	}
	if len(letters) == 0 {
		return nil
	}
	if err := to.Rows(ctx, letters); err != nil {
		return err
	}
	for i := range f.rows {
		if r := &f.rows[i]; r.rejected != nil && are(r) && f.chunk.Settle(int(r.row), pipeline.DeadLettered) {
			f.sink.plan.rows.Rejected(r.rejected)
			f.sink.plan.rows.Settled(pipeline.DeadLettered, 1)
		}
	}
	return nil
}
