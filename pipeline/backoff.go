package pipeline

import (
	"context"
	"math"
	"math/rand/v2"
	"time"
)

// Backoff is how long to wait between the tries of something that fails: First, then twice as long from try to try, up
// to Most. With Low and High a wait is a random one between these parts of its length: what failed together does not come
// back together. It is a value without state, the caller counts.
type Backoff struct {
	First, Most time.Duration
	Low, High   float64 // both 0: the wait is exact
}

// longestWait may be doubled, and lengthened by High, without an overflow.
const longestWait = math.MaxInt64 / 4

// After is the wait before the next try, when there was one failure and failures others before it.
func (b Backoff) After(failures int) time.Duration {
	most := min(b.Most, longestWait)
	d := min(b.First, most)
	for ; failures > 0 && d < most; failures-- {
		d *= 2
	}
	if d = min(d, most); b.High == 0 {
		return d
	}
	return time.Duration(float64(d) * (b.Low + (b.High-b.Low)*rand.Float64()))
}

// Wait waits that long. It returns why ctx ended if that comes first.
func (b Backoff) Wait(ctx context.Context, failures int) error { return Wait(ctx, b.After(failures)) }

// Wait waits for d. It returns why ctx ended if that comes first.
func Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
