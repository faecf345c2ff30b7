package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Attempts try again and again what the rows of a sync wait for. The status shows it from the first try that fails until the last of all that
// are trying has succeeded or given up. It is safe for concurrent use.
type Attempts struct {
	Status *Status // nil: none
	Sync   string
	What   string      // is tried: "write dead letters"
	Kind   TroubleKind // of an error that is not a *Trouble itself

	mu      sync.Mutex
	failing int // callers of Until
}

// Until returns nil once do has succeeded. It gives up only when ctx ends, and returns why it did.
func (a *Attempts) Until(ctx context.Context, do func() error) error {
	backoff := Backoff{First: time.Second, Most: 30 * time.Second}
	for tries := 0; ; tries++ {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if tries == 0 {
			a.add(1)
			defer a.add(-1)
		}
		a.tell(err, backoff.After(tries))
		if err := backoff.Wait(ctx, tries); err != nil {
			return err
		}
	}
}

// add counts the callers that fail. The last of them takes the trouble back.
func (a *Attempts) add(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failing += n; a.failing == 0 && a.Status != nil {
		a.Status.Clear(a.Sync, a.What)
	}
}

func (a *Attempts) tell(err error, pause time.Duration) {
	if a.Status == nil {
		return
	}
	trouble := Trouble{Kind: a.Kind, What: err.Error()}
	if t, is := errors.AsType[*Trouble](err); is {
		trouble = *t
	}
	trouble.What, trouble.Until = a.What+": "+trouble.What, time.Now().Add(pause)
	a.Status.Set(a.Sync, a.What, &trouble)
}
