package router

import (
	"context"
	"errors"
	"sync"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Offer hands a chunk to the router and returns its ticket, or a ticket without channels when ctx ended first. ctx is
// also the context the chunk is handled in.
type Offer = func(ctx context.Context, c *pipeline.Chunk) pipeline.Ticket

// Source brings chunks until ctx ends, then waits for those it has handed over, within its own deadline, and returns.
// kafka.Consumer's Run is one.
type Source = func(ctx context.Context, offer Offer) error

// Subscriber is Watermill's Subscriber over a Source. It closes its channel only when the source has ended, since closing it on passing
// trouble would end the router, and all messages have been handled: Watermill's Close, which follows, holds a lock that it needs itself.
type Subscriber struct {
	source Source

	mu     sync.Mutex
	subs   []*subscription
	closed bool
}

type subscription struct {
	out     chan *message.Message
	handled sync.WaitGroup // messages
	cancel  context.CancelFunc
	ended   chan struct{}
	err     error // set before ended is closed
}

// NewSubscriber makes a subscriber; every Subscribe starts the source once.
func NewSubscriber(source Source) *Subscriber { return &Subscriber{source: source} }

var errClosed = errors.New("subscriber is closed")

// Subscribe starts the source. When ctx ends it drains, just as with Close: the router cancels ctx first. Messages do
// not inherit ctx: chunks in flight must outlive the end of the intake.
func (s *Subscriber) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	sub := &subscription{out: make(chan *message.Message), cancel: cancel, ended: make(chan struct{})}
	s.subs = append(s.subs, sub)
	go func() {
		defer cancel()
		sub.err = s.source(ctx, sub.offer)
		close(sub.ended)
		sub.handled.Wait()
		close(sub.out)
	}()
	return sub.out, nil
}

func (sub *subscription) offer(ctx context.Context, c *pipeline.Chunk) pipeline.Ticket {
	m := newMessage(ctx, c)
	select {
	case sub.out <- m:
		sub.handled.Go(func() {
			select {
			case <-m.Acked():
			case <-m.Nacked():
			}
		})
		return pipeline.Ticket{Acked: m.Acked(), Nacked: m.Nacked()}
	case <-ctx.Done():
		return pipeline.Ticket{}
	}
}

// Close ends the sources and waits until they have drained. It may be called more than once.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	subs := s.subs
	s.mu.Unlock()
	for _, sub := range subs {
		sub.cancel()
	}
	return s.wait(subs)
}

func (s *Subscriber) wait(subs []*subscription) error {
	var errs []error
	for _, sub := range subs {
		<-sub.ended
		errs = append(errs, sub.err)
	}
	return errors.Join(errs...)
}

// Err waits for the sources to end and is what they returned.
func (s *Subscriber) Err() error {
	s.mu.Lock()
	subs := s.subs
	s.mu.Unlock()
	return s.wait(subs)
}
