package delivery

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// try is one call and what came of it.
type try struct {
	answer pipeline.Answer
	sent   []entry
	probe  bool // only one item of the part was sent
}

// attempt waits for a permit and makes a call; !ok when there is nothing left to send or the queue is stopped.
func (b *batch) attempt(p *part) (t try, ok bool) {
	permit := b.permit(p)
	if permit == nil || b.sender.ctx.Err() != nil {
		permit.cancel()
		return t, false
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
	t.answer = b.send(f, p)
	permit.finish(&t.answer)
	b.queue.note(f, b, p, &t.answer)
	if v := t.answer.Verdict; v == pipeline.Accepted || v == pipeline.Warned {
		b.accept(t)
	}
	return t, b.sender.ctx.Err() == nil || t.answer.Verdict != pipeline.Retry
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
		case now.Before(p.pause):
			return choice{kind: choiceWait, wake: p.pause}
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
