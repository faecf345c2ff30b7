package state

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// A lease is decided by the order of records of one key, which is the same for every reader: the first to ask while it
// is free has it, until it gives it back or its time is over. Asking writes a record; reading back tells who was first.

// lease is who has one.
type lease struct {
	owner string
	until time.Time
}

// claim is a record of a lease: someone asks for it, has it for longer, or gives it back.
type claim struct {
	Owner    string    `json:"owner"`
	At       time.Time `json:"at"`
	Until    time.Time `json:"until"`
	Released bool      `json:"released,omitempty"`
}

// after is the lease after a record.
func (l lease) after(value []byte) lease {
	var c claim
	if json.Unmarshal(value, &c) != nil {
		return lease{}
	}
	switch {
	case l.owner != "" && l.owner != c.Owner && c.At.Before(l.until):
		return l // someone else has it
	case c.Released:
		return lease{}
	}
	return lease{c.Owner, c.Until}
}

// Holder is the Store as one part of a process has it, for example a sync: the parts keep each other out of leases as
// processes do.
type Holder struct {
	*Store
	me string
}

// Holder is the Store of one of the process's parts; two of one name are one.
func (s *Store) Holder(name string) Holder { return Holder{s, s.me + "/" + name} }

// TryLock takes the lease, or holds it for longer, and reports whether this part of the process has it now.
func (h Holder) TryLock(ctx context.Context, name string, ttl time.Duration) (bool, error) {
	return h.tryLock(ctx, h.me, name, ttl)
}

// Unlock gives the lease back.
func (h Holder) Unlock(ctx context.Context, name string) error { return h.unlock(ctx, h.me, name) }

// TryLock takes the lease, or holds it for longer, and reports whether this instance has it now. It is lost when ttl is
// over: clocks of instances must agree to within a fraction of that.
func (s *Store) TryLock(ctx context.Context, name string, ttl time.Duration) (bool, error) {
	return s.tryLock(ctx, s.me, name, ttl)
}

// Unlock gives the lease back.
func (s *Store) Unlock(ctx context.Context, name string) error { return s.unlock(ctx, s.me, name) }

func (s *Store) tryLock(ctx context.Context, me, name string, ttl time.Duration) (bool, error) {
	if err := s.Refresh(ctx); err != nil {
		return false, err
	}
	now := s.now()
	if l := s.holder(name); l.owner != "" && l.owner != me && now.Before(l.until) {
		return false, nil
	}
	if err := s.claim(ctx, name, claim{Owner: me, At: now, Until: now.Add(ttl)}); err != nil {
		return false, err
	}
	l := s.holder(name)
	return l.owner == me && s.now().Before(l.until), nil
}

func (s *Store) unlock(ctx context.Context, me, name string) error {
	return s.claim(ctx, name, claim{Owner: me, At: s.now(), Released: true})
}

// claim writes a record of a lease and reads back what came of it. It is not applied ahead of the topic: another's record
// may come before it.
func (s *Store) claim(ctx context.Context, name string, c claim) error {
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := s.write(ctx, []pipeline.Record{written(leasePrefix+name, text)}, false); err != nil {
		return err
	}
	return s.Refresh(ctx)
}

func (s *Store) holder(name string) lease {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.leases[name]
}
