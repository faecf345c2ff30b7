package audience

import (
	"context"
	"sync"
)

// permits let one caller at a time find out about an audience. Callers that ask for others do not wait, and the one that waits
// stops when its context ends. The zero value is ready.
type permits struct {
	mu    sync.Mutex
	taken map[string]chan struct{} // by audience; closed when given back
}

// take waits for an audience's permit. Its error is the context's.
func (p *permits) take(ctx context.Context, name string) error {
	for {
		given := p.try(name)
		if given == nil {
			return nil
		}
		select {
		case <-given:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try takes the permit, or returns what to wait for.
func (p *permits) try(name string) (given chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if given := p.taken[name]; given != nil {
		return given
	}
	if p.taken == nil {
		p.taken = map[string]chan struct{}{}
	}
	p.taken[name] = make(chan struct{})
	return nil
}

func (p *permits) give(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.taken[name])
	delete(p.taken, name)
}
