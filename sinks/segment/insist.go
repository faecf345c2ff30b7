package segment

import (
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// insist does something that needs others until it succeeds or ctx ends. Trouble is not a reason to give up (P8): it is on
// the status, under source, while it lasts. Trouble that waits for an operator ends with the partition (pipeline.ErrHeld).
func (s *Sink) insist(ctx context.Context, source string, do func() error) error {
	reported := false
	defer func() {
		if reported {
			s.deps.Status.Clear(s.deps.Sync, source)
		}
	}()
	backoff := pipeline.Backoff{First: 500 * time.Millisecond, Most: 8 * time.Second}
	for tries := 0; ; tries++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait := pipeline.WaitHeld
		if held, ok := errors.AsType[*audience.Held](err); !ok || !held.Own { // that is on the status
			reported = true
			if !s.report(source, err).Stop {
				wait = pipeline.Wait
			}
		}
		if err := wait(ctx, backoff.After(tries)); err != nil {
			return err
		}
	}
}

func (s *Sink) report(source string, err error) *pipeline.Trouble {
	trouble, ok := errors.AsType[*pipeline.Trouble](err)
	if !ok {
		trouble = &pipeline.Trouble{Kind: pipeline.TroubleState, What: err.Error()}
	}
	s.deps.Status.Set(s.deps.Sync, source, trouble)
	return trouble
}
