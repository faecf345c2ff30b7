package pipeline

import (
	"context"
	"errors"
	"sync"
	"time"
)

// HeldUp tries again and again what the rows of a sync wait for. The status shows it from the first try that fails until the last of all that
// are trying has succeeded or given up. It is safe for concurrent use.
type HeldUp struct {
	Status *Status // nil: none
	Sync   string
	What   string      // is tried: "write dead letters"
	Kind   TroubleKind // of an error that is not a *Trouble itself

	mu      sync.Mutex
	failing int // callers of Until
}

// Until returns nil once do has succeeded. It gives up only when ctx ends, and returns why it did.
func (h *HeldUp) Until(ctx context.Context, do func() error) error {
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
			h.add(1)
			defer h.add(-1)
		}
		h.tell(err, backoff.After(tries))
		if err := backoff.Wait(ctx, tries); err != nil {
			return err
		}
	}
}

// add counts the callers that fail. The last of them takes the trouble back.
func (h *HeldUp) add(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failing += n; h.failing == 0 && h.Status != nil {
		h.Status.Clear(h.Sync, h.What)
	}
}

func (h *HeldUp) tell(err error, pause time.Duration) {
	if h.Status == nil {
		return
	}
	trouble := Trouble{Kind: h.Kind, What: err.Error()}
	if t, is := errors.AsType[*Trouble](err); is {
		trouble = *t
	}
	trouble.What, trouble.Until = h.What+": "+trouble.What, time.Now().Add(pause)
	h.Status.Set(h.Sync, h.What, &trouble)
}
