package pipeline

import (
	"context"
	"time"
)

// Wait waits for d. It returns why ctx ended if that comes first.
func Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
