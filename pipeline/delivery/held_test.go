package delivery

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// giveUp delivers a chunk and gives its partition up after a while; it returns what Deliver returned, and how long after that.
func (w *world) giveUp(after time.Duration) (*pipeline.Chunk, time.Duration, error) {
	leaving := make(chan struct{})
	c, items := w.chunk(3)
	var left time.Time
	time.AfterFunc(after, func() { left = time.Now(); close(leaving) })
	err := w.queue.Deliver(pipeline.WithLeaving(context.Background(), leaving), c, items)
	return c, time.Since(left), err
}

func TestAChunkThatWaitsForAnOperatorLeavesWithItsPartitionAtOnce(t *testing.T) {
	for name, answer := range map[string]pipeline.Answer{"a refused token": denied, "everything is refused": no} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, options{}, script(answer))
				c, after, err := w.giveUp(time.Hour)
				if !errors.Is(err, pipeline.ErrHeld) || after > time.Second {
					t.Errorf("Deliver: got %v after %v, want %v at once", err, after, pipeline.ErrHeld)
				}
				w.wantOutcomes(c, "0 delivered, 0 dead-lettered, 3 unsettled")
				calls := len(w.sent())
				elapse(time.Hour)
				if got := len(w.sent()); got != calls {
					t.Errorf("%d calls were made for rows that had left", got-calls)
				}
			})
		})
	}
}

func TestACallInFlightIsWaitedForThoughTheSyncIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, func(c sent) pipeline.Answer {
			if c.rank == 0 {
				return denied
			}
			elapse(5 * time.Second) // the probe: the token is right again
			return yes
		})
		c, after, err := w.giveUp(2 * time.Second) // while the probe, made after a second, is in flight
		if err != nil || after < 3*time.Second {
			t.Errorf("Deliver: got %v after %v, want nil after the probe's answer", err, after)
		}
		w.wantOutcomes(c, "3 delivered, 0 dead-lettered, 0 unsettled")
	})
}

func TestWhatPassesByItselfIsWaitedForUntilTheDrainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, script(repeat(tooOften, 3, yes)...))
		c, _, err := w.giveUp(500 * time.Millisecond)
		if err != nil {
			t.Errorf("Deliver: got %v, want nil", err)
		}
		w.wantOutcomes(c, "3 delivered, 0 dead-lettered, 0 unsettled")
	})
}

// stop is a guard that has stopped the sync.
type stop struct{}

func (stop) Delivered()                     {}
func (stop) Refused(*pipeline.Rejection)    {}
func (stop) Stopped() bool                  { return true }
func (stop) Wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func TestAChunkOfAStoppedSyncLeavesWithItsPartitionAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, options{}, script(yes))
		w.queue.Watch(stop{})
		c, after, err := w.giveUp(time.Minute)
		if !errors.Is(err, pipeline.ErrHeld) || after > time.Second || len(w.sent()) > 0 {
			t.Errorf("Deliver: got %v after %v and %d calls, want %v at once and none", err, after, len(w.sent()), pipeline.ErrHeld)
		}
		w.wantOutcomes(c, "0 delivered, 0 dead-lettered, 3 unsettled")
	})
}
