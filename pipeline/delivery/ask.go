package delivery

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

const (
	askEvery = 30 * time.Second // at most, about one destination
	askGap   = time.Second      // between two questions of a connection
	askTime  = 3 * time.Second  // then the trouble is told without an answer
)

// ask asks TikTok about the destination of a refused call where that is due. What it learns goes into what the operator
// reads, and rejects no row.
func (b *batch) ask(p *permit) {
	if p.asks == nil {
		return
	}
	ctx, stop := context.WithTimeout(b.sender.ctx, askTime)
	defer stop()
	p.learnt(b.queue.deps.Ask(ctx, p.envelope))
}

// isWorthAsking reports whether a destination may explain the trouble, and not TikTok as a whole, a limit or single items.
func (br *breaker) isWorthAsking() bool {
	switch br.kind {
	case pipeline.TroubleThrottled, pipeline.TroubleTikTok:
		return false
	case pipeline.TroubleRefused:
		return br.step >= doubt
	}
	return br.key != breakerKey{}
}

// mayAsk has the permit's holder ask about the call's destination, if that is due. Gate.mu is held.
func (p *permit) mayAsk(br *breaker, now time.Time) {
	r, d := &p.g.record, p.g.record.destination(p.key())
	if p.m.q.deps.Ask == nil || !br.isWorthAsking() || now.Sub(d.asked) < askEvery || now.Sub(r.asked) < askGap {
		return
	}
	r.asked, d.asked = now, now
	p.asks, br.asking = br, true
}

func (p *permit) learnt(text string) {
	p.g.mu.Lock()
	defer p.g.unlock()
	br := p.asks
	br.asking, br.learnt, p.g.record.destination(p.key()).learnt = false, text, text
	if p.g.breakers[br.key] == br {
		p.g.announce(br)
	}
}
