package delivery

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// permit is the right to make one call. Its holder gives it back with finish or cancel, once.
type permit struct {
	g        *Gate
	m        *member
	envelope string
	field    string
	small    bool // the call is a probe: one item is enough
	probes   []*breaker
	sent     moment
	answered moment
	expected bool     // a refusal is: it says nothing of the destination
	holds    int      // how often the destination had been held when the permit was given
	asks     *breaker // whose destination the holder is to ask TikTok about
}

func (p *permit) key() breakerKey { return destinationKey(p.m.q, p.field) }

// cancel gives an unused permit back. A nil permit is none.
func (p *permit) cancel() {
	if p == nil {
		return
	}
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	for _, br := range p.probes {
		br.probing = false
	}
	p.back()
}

// finish gives the permit back and lets the gate learn from the answer.
func (p *permit) finish(a *pipeline.Answer) {
	p.g.mu.Lock()
	defer p.g.unlock()
	p.learn(a)
	p.back()
}

func (p *permit) back() {
	p.g.inFlight--
	p.m.q.deps.Metrics.inFlight.Dec()
	p.g.admit()
}

// learn trips and resets breakers by what an answer shows of TikTok's state.
func (p *permit) learn(a *pipeline.Answer) {
	now, r, endpoint := time.Now(), &p.g.record, p.m.q.deps.Endpoint
	p.answered = r.tick()
	switch a.Verdict {
	case pipeline.Throttled:
		p.trip(p.throttledKey(a.Scope), pipeline.TroubleThrottled, a, now)
	case pipeline.Denied:
		p.trip(p.refusedKey(a.Scope, breakerKey{}), pipeline.TroubleToken, a, now)
	case pipeline.Broken:
		p.trip(p.refusedKey(a.Scope, breakerKey{queue: p.m.q}), pipeline.TroubleConfig, a, now)
	case pipeline.Unknown:
		p.trip(p.key(), pipeline.TroubleUnknown, a, now)
	case pipeline.Retry:
		if r.failed[endpoint]++; r.failed[endpoint] >= p.g.cfg.Failures {
			p.trip(breakerKey{endpoint: endpoint}, pipeline.TroubleTikTok, a, now)
		}
	case pipeline.Refused, pipeline.TooMany:
		r.failed[endpoint] = 0
		d := r.destination(p.key())
		if !p.expected {
			d.refused++
		}
		if d.refused >= doubt {
			p.trip(p.key(), pipeline.TroubleRefused, a, now)
		}
	default:
		r.note(p, now)
		for _, br := range p.probes {
			p.g.reset(br)
		}
	}
	p.settle(a, now)
}

// settle decides on the breakers this call was a probe of and that its answer has neither closed nor tripped: an answer of another
// kind of trouble shows that this kind has passed, unless the call never got as far as that.
func (p *permit) settle(a *pipeline.Answer, now time.Time) {
	for _, br := range p.probes {
		if !br.probing || p.g.breakers[br.key] != br {
			continue
		}
		if a.Verdict == pipeline.Retry || br.kind == pipeline.TroubleRefused {
			br.step = max(0, br.step-1)
			br.trip(now, time.Time{})
		} else {
			p.g.reset(br)
		}
	}
}

func (p *permit) throttledKey(s pipeline.Scope) breakerKey {
	switch s {
	case pipeline.ScopeField:
		return p.key()
	case pipeline.ScopeApp, pipeline.ScopeAdvertiser:
		return breakerKey{}
	}
	return breakerKey{endpoint: p.m.q.deps.Endpoint}
}

// refusedKey is what waits for an operator: all there is, or the one destination that the answer speaks of.
func (p *permit) refusedKey(s pipeline.Scope, all breakerKey) breakerKey {
	if s == pipeline.ScopeField {
		return p.key()
	}
	return all
}

// trip opens a breaker, or keeps it open for longer if this call was its probe. Calls that were in flight when it opened add
// nothing: one trouble counts once.
func (p *permit) trip(key breakerKey, kind pipeline.TroubleKind, a *pipeline.Answer, now time.Time) {
	br := p.g.breakers[key]
	if br != nil && !p.probed(br) {
		return
	}
	if br == nil || br.kind != kind {
		if br != nil {
			p.g.reset(br)
		}
		br = &breaker{key: key, name: nameOf(p.m.q, p.field), kind: kind, first: now, learnt: p.g.record.destination(p.key()).learnt}
		p.g.breakers[key] = br
	}
	br.trip(now, now.Add(min(a.RetryAfter, p.m.q.cfg.Retry.Max.Std())))
	br.says = says(a)
	p.mayAsk(br, now)
	p.g.announce(br)
}

func (p *permit) probed(br *breaker) bool {
	return slices.Contains(p.probes, br)
}
