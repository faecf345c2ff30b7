package registry

import (
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// load asks until there is a schema, or nothing to wait for.
func (r *Registry) load(ctx context.Context, id ID) (*avro.Source, error) {
	if !id.possible() {
		return nil, r.notFound(id, errMissing)
	}
	patience := r.patience(id)
	deadline := time.Now().Add(patience)
	backoff := pipeline.Backoff{First: time.Second / 2, Most: 5 * time.Second}
	for tries := 0; ; tries++ {
		src, err := r.ask(ctx, id)
		if !errors.Is(err, errMissing) {
			r.note(tries > 0, vain{})
			return src, rejectionOf(id, err)
		}
		left := time.Until(deadline)
		if left <= 0 {
			r.note(patience > 0, vain{1, time.Now()})
			return nil, r.notFound(id, err)
		}
		if err := pipeline.Wait(ctx, min(backoff.After(tries), left)); err != nil {
			return nil, err
		}
	}
}

// patience is how long to wait for a missing id: not at all for one that was waited for before, or when waiting did not
// help with the last few; a topic full of garbage would stand still otherwise.
func (r *Registry) patience(id ID) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cache.get(id) != nil || r.vain.often() {
		return 0
	}
	return r.patient
}

// note remembers, after a wait, whether it was in vain.
func (r *Registry) note(waited bool, v vain) {
	if !waited {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v.count > 0 {
		v.count += r.vain.count
	}
	r.vain = v
}

// vain counts waits for missing schemas that ended without one.
type vain struct {
	count int
	last  time.Time
}

func (v vain) often() bool { return v.count >= 4 && time.Since(v.last) < 5*time.Minute }
