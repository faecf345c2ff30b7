package daemon

import (
	"context"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Trial brings rows through a flow's steps, one after another, and forgets what they become. It is for one goroutine.
type Trial struct{ runner pipeline.Runner }

// NewTrial tries rows with the flow as it is. DecodeWith comes before.
func (f *Flow) NewTrial() *Trial { return &Trial{runner: pipeline.Runner{Steps: f.Steps()}} }

// Try brings one row through the steps, as in run, and forgets its items.
func (t *Trial) Try(ctx context.Context, r *pipeline.Record) error {
	t.runner.Items.Reset()
	if err := t.runner.Row(ctx, r, 0); err != nil {
		return err
	}
	if len(t.runner.Items.List) == 0 {
		return pipeline.SkipNoChange
	}
	return nil
}
