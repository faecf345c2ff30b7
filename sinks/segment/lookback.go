package segment

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// lateCall is how long a call that was cut off may still have its effect.
const lateCall = 30 * time.Second

// LookBack looks again at what was said of chunks whose partitions went to another instance with calls under way, until ctx ends.
// That instance may have said the contrary, and forgotten the member, before such a call had its effect: it would stay so. What is
// remembered is not written: it is the other instance's now.
func (s *Sink) LookBack(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-s.left:
			if pipeline.Wait(ctx, time.Until(f.due)) == nil {
				_ = f.sayAgain(ctx)
			}
			s.release(f)
		}
	}
}

// sayAgain says for every claim what is remembered: of calls that were cut off it is not known which came last.
func (f *flush) sayAgain(ctx context.Context) error {
	if err := f.sink.refresh(ctx); err != nil {
		return err
	}
	for i := range f.ops {
		f.ops[i].remove = f.sink.deps.Memory.Claimants(f.ops[i].claim) > 0 // does not fit
	}
	return f.untilItFits(ctx)
}

// leftWith notes, where ctx has ended, that the chunk is another instance's, with calls of ours under way or just ended. It returns why.
func (f *flush) leftWith(ctx context.Context, why error) error {
	if !f.sink.plan.remembers || ctx.Err() == nil {
		return why
	}
	if len(f.said) > 0 {
		f.ops, f.said = f.said, f.ops
	}
	if f.due = time.Now(); errors.Is(why, pipeline.ErrCutOff) {
		f.due = f.due.Add(lateCall)
	}
	for i := range f.ops { // they are in the items, which are the caller's again
		f.ops[i].claim = bytes.Clone(f.ops[i].claim)
	}
	return why
}

// finish ends a flush. One that was left is looked at again and keeps its locks until then.
func (s *Sink) finish(f *flush) {
	if !f.due.IsZero() {
		select {
		case s.left <- f:
			return
		default: // there is no end of them: TikTok or Kafka is away
		}
	}
	s.release(f)
}

func (s *Sink) release(f *flush) {
	f.unlock()
	s.flushes.Put(f)
}
