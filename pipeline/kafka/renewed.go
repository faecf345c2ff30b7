package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// renewed are clients that write, and that are made again when a topic of theirs was deleted: a client keeps to the id of such a topic. One
// that is told to forget the topic numbers its batches from 0 again, and a broker takes such a batch for one that it has already,
// acknowledges it and drops it. It is safe for concurrent use.
type renewed[C interface {
	comparable
	Close()
}] struct {
	dial   func() (C, error)
	remake func(ctx context.Context, topic string) error // makes a topic again that was deleted, or says why not; nil: the caller does

	mu  sync.Mutex
	now C // zero: to be made
}

// client is the one of this moment.
func (r *renewed[C]) client() (C, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var none C
	if r.now != none {
		return r.now, nil
	}
	client, err := r.dial()
	if err == nil {
		r.now = client
	}
	return client, err
}

// again has a topic that was deleted made again, and written to by another client than the one that was used.
func (r *renewed[C]) again(ctx context.Context, topic string, used C) error {
	if r.remake != nil {
		if err := r.remake(ctx, topic); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == used {
		var none C
		r.now = none
		used.Close()
	}
	return nil
}

// Close ends the connections. Calls still waiting return with errors.
func (r *renewed[C]) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	var none C
	if r.now != none {
		r.now.Close()
	}
}

// gone reports whether a record was refused because its topic was deleted, or is another one of the name by now.
func gone(err error) bool {
	return errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition)
}

// deliveryTimeout ends an attempt to write; the caller decides about another one.
const deliveryTimeout = 30 * time.Second

// attempt bounds an attempt to write. It is a context: the client's own bound counts from the record's time, so that what is tried again
// after half a minute would fail at once, for ever.
func attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, deliveryTimeout)
}

// late says of the error of an attempt that it took too long. ctx is the caller's.
func late(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return fmt.Errorf("not acknowledged within %v", deliveryTimeout)
	}
	return err
}
