package delivery

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// try is one call and what came of it.
type try struct {
	answer    pipeline.Answer
	sent      []entry
	at        moment // when the answer came
	probe     bool   // only one item of the part was sent
	recovered bool   // nothing was sent: the search begins again
}

// attempt waits for a permit and makes a call; !ok when there is nothing left to send or the queue is stopped.
func (b *batch) attempt(p *part) (t try, ok bool) {
	permit := b.permit(p)
	if permit == nil || b.sender.ctx.Err() != nil {
		permit.cancel()
		return t, false
	}
	if !p.suspect && b.beginsAgain(permit) {
		permit.cancel()
		return try{recovered: true}, true
	}
	f := b.nextCall(p, permit.small, &t)
	if f == nil {
		permit.cancel()
		return t, false
	}
	defer b.queue.finished(f)
	p.attempts++
	b.calls++
	if t.sent = f.entries; !t.probe {
		p.entries = f.entries
	}
	t.answer = b.post(f, p)
	permit.expected = p.expected
	permit.finish(&t.answer)
	t.at = permit.answered
	b.queue.note(f, b, p, &t.answer)
	b.ask(permit)
	if t.answer.IsAccepted() {
		b.accept(p, t)
	}
	return t, b.sender.ctx.Err() == nil || t.answer.Verdict != pipeline.Retry
}

// beginsAgain reports whether the destination was held for refusing everything since the batch's search began.
func (b *batch) beginsAgain(p *permit) bool {
	again := p.holds != b.holds && b.calls > 0
	b.holds = p.holds
	return again
}

// nextCall writes the part's call, or, for a probe, the call of one of its items, another one each time.
func (b *batch) nextCall(p *part, small bool, t *try) *inFlight {
	p.entries = b.queue.stillWanted(p.entries)
	t.sent, t.probe = p.entries, small && len(p.entries) > 1
	if t.probe {
		i := p.attempts % len(p.entries)
		t.sent = p.entries[i : i+1]
	}
	return b.queue.buildRequest(b.envelope, t.sent)
}

// pausedUntil is when the part may be sent again; soon, once the endpoint works for others. Gate.mu is held.
func (b *batch) pausedUntil(p *part) time.Time {
	soon := p.failed.Add(most)
	if b.queue.deps.Gate.record.worked[b.queue.deps.Endpoint].After(p.failed) && soon.Before(p.pause) {
		return soon
	}
	return p.pause
}

// permit waits until the part may be sent: its pause is over and the gate gives a permit.
func (b *batch) permit(p *part) *permit {
	if first := b.first; first != nil {
		b.first = nil
		return first
	}
	permit, err := b.queue.deps.Gate.acquire(b.sender.ctx, b.queue.member, &waiter{choose: func(now time.Time, allowed func(string) bool) choice {
		switch {
		case len(b.queue.stillWanted(p.entries)) == 0:
			return choice{kind: choiceLeave}
		case now.Before(b.pausedUntil(p)):
			return choice{kind: choiceWait, wake: b.pausedUntil(p)}
		case allowed(b.field):
			return choice{kind: choiceSend, envelope: b.envelope, field: b.field}
		}
		return choice{kind: choiceWait}
	}})
	if err != nil {
		return nil
	}
	return permit
}
