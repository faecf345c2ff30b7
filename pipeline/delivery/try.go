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

// attempt waits for its turn and makes a call; !ok when there is nothing left to send or the queue is stopped.
func (b *batch) attempt(p *part) (t try, ok bool) {
	pass := b.turn(p)
	if pass == nil || b.sender.ctx.Err() != nil {
		pass.cancel()
		return t, false
	}
	f := b.load(p, pass.small, &t)
	if f == nil {
		pass.cancel()
		return t, false
	}
	defer b.queue.landed(f)
	p.attempts++
	b.calls++
	if t.sent = f.entries; !t.probe {
		p.entries = f.entries
	}
	t.answer = b.fly(f, p)
	pass.finish(&t.answer)
	b.queue.note(f, b, p, &t.answer)
	if v := t.answer.Verdict; v == pipeline.Accepted || v == pipeline.Warned {
		b.accept(t)
	}
	return t, b.sender.ctx.Err() == nil || t.answer.Verdict != pipeline.Retry
}

// load writes the part's call, or for a look whether TikTok is back the call of one of its items, another one each time.
func (b *batch) load(p *part, small bool, t *try) *flight {
	p.entries = b.queue.living(p.entries)
	t.sent, t.probe = p.entries, small && len(p.entries) > 1
	if t.probe {
		i := p.attempts % len(p.entries)
		t.sent = p.entries[i : i+1]
	}
	return b.queue.board(b.envelope, t.sent)
}

// turn waits until the part may be sent: its pause is over and the gate lets it pass.
func (b *batch) turn(p *part) *pass {
	if pass := b.pass; pass != nil {
		b.pass = nil
		return pass
	}
	pass, err := b.queue.deps.Gate.enter(b.sender.ctx, b.queue.member, &waiter{choose: func(now time.Time, open func(string) bool) choice {
		switch {
		case len(b.queue.living(p.entries)) == 0:
			return choice{kind: choiceLeave}
		case now.Before(p.pause):
			return choice{kind: choiceWait, wake: p.pause}
		case open(b.field):
			return choice{kind: choiceSend, envelope: b.envelope, field: b.field}
		}
		return choice{kind: choiceWait}
	}})
	if err != nil {
		return nil
	}
	return pass
}
