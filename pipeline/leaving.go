package pipeline

import (
	"context"
	"errors"
	"time"
)

// ErrHeld ends the handling of a chunk whose rows wait for something that a drain does not bring, an operator for example, while
// its partition is to be given up. Its rows stay unsettled and are read again.
var ErrHeld = errors.New("held up")

type leavingKey struct{}

// WithLeaving makes the context of a chunk's handling: leaving is closed when the partition is to be given up, which ends waiting
// for trouble (ErrHeld), and nothing that is under way.
func WithLeaving(ctx context.Context, leaving <-chan struct{}) context.Context {
	return context.WithValue(ctx, leavingKey{}, leaving)
}

// Leaving is closed when the partition that ctx handles a chunk of is to be given up; nil: that is never told.
func Leaving(ctx context.Context) <-chan struct{} {
	leaving, _ := ctx.Value(leavingKey{}).(<-chan struct{})
	return leaving
}

// WaitHeld is Wait for trouble to pass: it returns ErrHeld as soon as the chunk's partition is to be given up.
func WaitHeld(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-Leaving(ctx):
		return ErrHeld
	case <-timer.C:
		return nil
	}
}
