package delivery

import (
	"context"
	"sync"
	"time"
)

// sender is a running queue. Its context ends the making of new calls; life ends those in flight.
type sender struct {
	queue   *Queue
	ctx     context.Context
	life    context.Context
	sending sync.WaitGroup
}

// Run sends what Deliver hands over until ctx ends. Then no call begins; those in flight get the grace to end. It blocks
// until the last one has, and always returns nil.
func (q *Queue) Run(ctx context.Context) error {
	calls, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	s := &sender{queue: q, ctx: ctx, life: calls}
	s.dispatch()
	grace := time.AfterFunc(q.cfg.Grace, cutOff)
	s.sending.Wait()
	grace.Stop()
	cutOff()
	q.deps.Gate.leave(q.member)
	close(q.ended)
	return nil
}

// dispatch starts a batch whenever one may be sent. What goes into it is chosen at that moment and not before: while
// calls wait, batches fill.
func (s *sender) dispatch() {
	w := &waiter{choose: s.queue.choose}
	for {
		p, err := s.queue.deps.Gate.acquire(s.ctx, s.queue.member, w)
		if err != nil {
			return
		}
		entries := s.queue.takeEntries(p.envelope, s.queue.most(p))
		if len(entries) == 0 {
			p.cancel()
			continue
		}
		b := s.newBatch(p, entries)
		s.sending.Go(func() { b.run(p, entries) })
	}
}

// most is the number of items for a call: one for a probe.
func (q *Queue) most(p *permit) int {
	if p.small {
		return 1
	}
	return q.cfg.MaxItems
}

// choose picks the envelope to be served: the first in order that is not held up and does not linger.
func (q *Queue) choose(now time.Time, allowed func(field string) bool) choice {
	q.mu.Lock()
	defer q.mu.Unlock()
	var wake time.Time
	for _, l := range q.order {
		if l.len() == 0 {
			continue
		}
		if until := q.lingers(l); now.Before(until) {
			if wake.IsZero() || until.Before(wake) {
				wake = until
			}
		} else if allowed(l.field) {
			return choice{kind: choiceSend, envelope: l.envelope, field: l.field}
		}
	}
	return choice{kind: choiceWait, wake: wake}
}

// lingers is the time until which an envelope's queue waits for more: none where nothing more can come.
func (q *Queue) lingers(l *envelopeQueue) time.Time {
	if q.starved || q.cfg.Linger == 0 || l.len() >= q.cfg.MaxItems || l.bytes >= q.cfg.MaxBytes-requestFrame {
		return time.Time{}
	}
	return l.waiting()[0].d.came.Add(q.cfg.Linger)
}
