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
	small    bool // the call is a probe of a TikTok that was away: one item is enough
	probes   []*breaker
}

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
	defer p.g.mu.Unlock()
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
	now, endpoint := time.Now(), p.m.q.deps.Endpoint
	switch a.Verdict {
	case pipeline.Throttled:
		p.trip(p.throttledKey(a.Scope), pipeline.TroubleThrottled, a, now)
	case pipeline.Denied:
		p.trip(p.deniedKey(a.Scope), pipeline.TroubleToken, a, now)
	case pipeline.Broken:
		p.trip(breakerKey{queue: p.m.q}, pipeline.TroubleConfig, a, now)
	case pipeline.Retry:
		if p.g.failed[endpoint]++; p.g.failed[endpoint] >= p.g.cfg.Failures {
			p.trip(breakerKey{endpoint: endpoint}, pipeline.TroubleTikTok, a, now)
		}
	default: // the endpoint does its work, even where it refuses the data
		p.g.failed[endpoint], p.g.worked[endpoint] = 0, now
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
		if a.Verdict == pipeline.Retry {
			br.step = max(0, br.step-1)
			br.trip(now)
		} else {
			p.g.reset(br)
		}
	}
}

func (p *permit) throttledKey(s pipeline.Scope) breakerKey {
	switch s {
	case pipeline.ScopeField:
		return breakerKey{endpoint: p.m.q.deps.Endpoint, field: "field " + p.field}
	case pipeline.ScopeApp, pipeline.ScopeAdvertiser:
		return breakerKey{}
	}
	return breakerKey{endpoint: p.m.q.deps.Endpoint}
}

// deniedKey stops the connection when the token is refused, and only the sync when it is refused this one thing.
func (p *permit) deniedKey(s pipeline.Scope) breakerKey {
	if s == pipeline.ScopeField {
		return breakerKey{queue: p.m.q}
	}
	return breakerKey{}
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
		br = &breaker{key: key, kind: kind, first: now}
		p.g.breakers[key] = br
	}
	br.trip(now)
	p.g.announce(br, a)
}

func (p *permit) probed(br *breaker) bool {
	return slices.Contains(p.probes, br)
}
