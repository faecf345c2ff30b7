package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
)

// Steps bring one row from record to items. They belong to one goroutine at a time. Each returns nil, or one of
// SkipReason, *Rejection and *Trouble. Pass, Make and Leave may be nil.
type Steps struct {
	Decode func(ctx context.Context, r *Record, into *Change) error
	Pass   func(c *Change) error
	Make   func(items *Items, row int, c *Change) error
	// Leave appends what follows of a row that was rejected, by whichever step, or filtered. Of one that was not decoded the change
	// has its key alone.
	Leave func(items *Items, row int, c *Change, why error)
}

// Runner brings rows through the steps, one after the other, wherever rows are read: to be delivered, tried or shown. It
// belongs to one goroutine at a time.
type Runner struct {
	Steps   Steps
	Change  Change // the row at hand: its values alias the record
	Decoded bool   // Change is the whole row: its record was decoded, whatever came of it afterwards
	Items   Items  // what rows became since the caller last reset them
}

// Row brings a record through the steps; its items carry the number row. It returns what the steps return. A row that
// fails leaves no items but those of Leave, and a panic costs its row only: it is a *Rejection, StepPanicked.
func (r *Runner) Row(ctx context.Context, record *Record, row int) (err error) {
	items, bytes := len(r.Items.List), len(r.Items.Buf)
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
		if err != nil {
			r.Items.Cut(items, bytes)
			r.leave(row, err)
		}
	}()
	r.Change.Reset()
	r.Decoded = false
	if err := r.Steps.Decode(ctx, record, &r.Change); err != nil {
		return err
	}
	r.Decoded = true
	if r.Steps.Pass != nil {
		if err := r.Steps.Pass(&r.Change); err != nil {
			return err
		}
	}
	if r.Steps.Make == nil {
		return nil
	}
	return r.Steps.Make(&r.Items, row, &r.Change)
}

// leave asks the steps what follows of a row they did not accept.
func (r *Runner) leave(row int, why error) {
	rejection, isRejected := errors.AsType[*Rejection](why)
	if r.Steps.Leave == nil || !isRejected && !errors.Is(why, SkipFiltered) {
		return
	}
	items, bytes := len(r.Items.List), len(r.Items.Buf)
	defer func() {
		if recover() != nil {
			r.Items.Cut(items, bytes)
		}
	}()
	if !r.Decoded {
		key, schema := r.Change.Key, r.Change.SchemaID
		r.Change.Reset()
		r.Change.Key, r.Change.SchemaID = key, schema
	}
	r.Steps.Leave(&r.Items, row, &r.Change, why)
	if isRejected && len(r.Items.List) > items {
		r.Items.Rejected = append(r.Items.Rejected, Rejected{Row: int32(row), Rejection: rejection, SchemaID: r.Change.SchemaID})
	}
}

// panicked turns a panic into the row's rejection. The runtime's own words say what went wrong and hold no values;
// a panic's own value might.
func panicked(p any) *Rejection {
	detail := fmt.Sprintf("panic with %T", p)
	if err, ok := p.(runtime.Error); ok {
		detail = err.Error()
	}
	return StepFault(detail)
}

// StepFault is the rejection of a row on which a step broke its contract. The detail holds no value of the row.
func StepFault(detail string) *Rejection {
	return &Rejection{Stage: StageMap, Reason: StepPanicked, Detail: detail}
}
