package daemon

import (
	"context"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/router"
)

// Trial brings rows through a flow's steps, one after another, and forgets what they become. It is for one goroutine.
type Trial struct {
	steps  router.Steps
	change pipeline.Change
	items  pipeline.Items
}

// NewTrial tries rows with the flow as it is. DecodeWith comes before.
func (f *Flow) NewTrial() *Trial { return &Trial{steps: f.Steps()} }

// Try brings one row through the steps; a panic is the row's rejection, as in run.
func (t *Trial) Try(ctx context.Context, r *pipeline.Record) (err error) {
	defer func() {
		if recover() != nil {
			err = pipeline.Reject(pipeline.StageMap, pipeline.StepPanicked, "", "")
		}
	}()
	t.change.Reset()
	t.items.Reset()
	if err := t.steps.Decode(ctx, r, &t.change); err != nil {
		return err
	}
	if t.steps.Pass != nil {
		if err := t.steps.Pass(&t.change); err != nil {
			return err
		}
	}
	if err := t.steps.Make(&t.items, 0, &t.change); err != nil {
		return err
	}
	if len(t.items.List) == 0 {
		return pipeline.SkipNoChange
	}
	return nil
}
