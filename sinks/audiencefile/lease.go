package audiencefile

import (
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// One instance at a time works on an audience: the one with its lease in the state topic (docs/decisions/0602-lease.md).
// The holder asks for it again all the time it works; when it dies, the lease runs out and another takes over.
const (
	leaseTime  = time.Minute
	leaseRenew = 15 * time.Second
	// leaseMargin is how long before the lease runs out the holder stops that could not ask for more.
	leaseMargin = 15 * time.Second
)

// lease takes the audience's lease, or returns ErrBusy. held ends when the lease is lost, with ErrBusy as its cause.
func (d *Deps) lease(ctx context.Context) (held context.Context, release func(), err error) {
	name := d.key("lease")
	until := d.now().Add(leaseTime)
	ok, err := d.Store.TryLock(ctx, name, leaseTime)
	if err != nil {
		return nil, nil, stateTrouble("take the lease", err)
	}
	if !ok {
		return nil, nil, ErrBusy
	}
	held, lose := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.renew(held, lose, name, until)
	}()
	return held, func() {
		lost := errors.Is(context.Cause(held), ErrBusy)
		lose(context.Canceled)
		<-done
		if !lost {
			d.unlock(ctx, name)
		}
	}, nil
}

// renew holds the lease until held ends or the lease is lost.
func (d *Deps) renew(held context.Context, lose context.CancelCauseFunc, name string, until time.Time) {
	for pipeline.Wait(held, leaseRenew) == nil {
		next := d.now().Add(leaseTime)
		asking, stop := context.WithTimeout(held, until.Add(-leaseMargin).Sub(d.now()))
		ok, err := d.Store.TryLock(asking, name, leaseTime)
		stop()
		switch {
		case err == nil && ok:
			until = next
		case held.Err() != nil:
			return
		case err == nil || !d.now().Before(until.Add(-leaseMargin)):
			d.Log.Warn("lost the audience's lease; the run stops")
			lose(ErrBusy)
			return
		}
	}
}

// unlock gives the lease back. If that is not possible, it runs out.
func (d *Deps) unlock(ctx context.Context, name string) {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if err := d.Store.Unlock(ctx, name); err != nil {
		d.Log.Warn("the audience's lease could not be given back; it runs out by itself", "error", err)
	}
}
