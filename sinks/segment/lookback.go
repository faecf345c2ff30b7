package segment

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// lateCall is how long a call whose answer did not come may still have its effect.
const lateCall = 30 * time.Second

// LookBack looks again at what was said of chunks, until ctx ends: where calls ended without an answer, and where the partition went
// to another instance meanwhile. The contrary may have been said, and the member forgotten, before such a call had its effect: it
// would stay so. What is remembered is not written: it may be another instance's now.
func (s *Sink) LookBack(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-s.doubted:
			if pipeline.Wait(ctx, time.Until(f.due)) != nil {
				return nil
			}
			f.late = false
			_ = f.sayAgain(ctx) // fails as ctx ends
			s.finish(ctx, f)
		}
	}
}

// outlast waits, where nothing is remembered to be looked at, until calls without an answer can have no effect any more: the next
// chunk may say the contrary.
func (f *flush) outlast(ctx context.Context) error {
	if !f.late || f.sink.plan.remembers {
		return nil
	}
	return pipeline.Wait(ctx, lateCall)
}

// finish ends a flush, or has it looked at again.
func (s *Sink) finish(ctx context.Context, f *flush) {
	f.unlock()
	if len(f.said) > 0 && (f.late || ctx.Err() != nil) {
		f.doubt()
		select {
		case s.doubted <- f:
			return
		default: // there is no end of them: TikTok or Kafka is away
			s.deps.Log.Error("calls ended without an answer, and too many wait already to be looked at again: TikTok may hold people who have left; once it answers, "+
				"stop all instances and run tokrelay resync --sync NAME", "sync", s.deps.Sync, "memberships", len(f.said), "waiting", cap(s.doubted))
		}
	}
	s.flushes.Put(f)
}

// doubt makes what was said last longer than the items, each once.
func (f *flush) doubt() {
	slices.SortFunc(f.said, compareSaid)
	f.said = slices.CompactFunc(f.said, func(a, b op) bool { return compareSaid(a, b) == 0 })
	for i := range f.said {
		f.said[i].claim = bytes.Clone(f.said[i].claim)
	}
	if f.due = time.Now(); f.late {
		f.due = f.due.Add(lateCall)
	}
}

func compareSaid(a, b op) int {
	switch byClaim := bytes.Compare(a.claim, b.claim); {
	case byClaim != 0 || a.remove == b.remove:
		return byClaim
	case a.remove:
		return -1
	}
	return 1
}

// sayAgain says what is remembered of the claims of which the contrary was said, whatever else was. It makes no other call: no record is
// pending for its calls, so where this instance ends before an answer, no other one looks at what the call did.
func (f *flush) sayAgain(ctx context.Context) error {
	f.ops = append(f.ops[:0], f.said...)
	if err := f.lockClaims(ctx); err != nil {
		return err
	}
	return f.untilItFits(ctx)
}
