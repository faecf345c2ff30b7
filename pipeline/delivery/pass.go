package delivery

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// pass is the right to make one call. Its holder gives it back with finish or cancel, once.
type pass struct {
	g        *Gate
	m        *member
	envelope string
	field    string
	small    bool // the call is a probe whether TikTok is back: one item is enough
	probes   []*valve
}

// cancel gives an unused pass back. A nil pass is none.
func (p *pass) cancel() {
	if p == nil {
		return
	}
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	for _, v := range p.probes {
		v.probing = false
	}
	p.back()
}

// finish gives the pass back and lets the gate learn from the answer.
func (p *pass) finish(a *pipeline.Answer) {
	p.g.mu.Lock()
	defer p.g.mu.Unlock()
	p.learn(a)
	p.back()
}

func (p *pass) back() {
	p.g.inFlight--
	p.m.q.deps.Metrics.InFlight(-1)
	p.g.admit()
}

// learn opens and shuts valves by what an answer shows of TikTok's state.
func (p *pass) learn(a *pipeline.Answer) {
	now, endpoint := time.Now(), p.m.q.deps.Endpoint
	switch a.Verdict {
	case pipeline.Throttled:
		p.shut(p.throttledKey(a.Scope), pipeline.TroubleThrottled, a, now)
	case pipeline.Denied:
		p.shut(p.deniedKey(a.Scope), pipeline.TroubleToken, a, now)
	case pipeline.Broken:
		p.shut(valveKey{queue: p.m.q}, pipeline.TroubleConfig, a, now)
	case pipeline.Retry:
		if p.g.failed[endpoint]++; p.g.failed[endpoint] >= p.g.cfg.Failures {
			p.shut(valveKey{endpoint: endpoint}, pipeline.TroubleTikTok, a, now)
		}
	default: // the endpoint does its work, even where it refuses the data
		p.g.failed[endpoint], p.g.worked[endpoint] = 0, now
		for _, v := range p.probes {
			p.g.open(v)
		}
	}
	p.settle(a, now)
}

// settle decides on the valves this call was a probe of and that its answer has not opened or shut: an answer of another
// kind of trouble shows that this kind has passed, unless the call never got as far as that.
func (p *pass) settle(a *pipeline.Answer, now time.Time) {
	for _, v := range p.probes {
		if !v.probing || p.g.valves[v.key] != v {
			continue
		}
		if a.Verdict == pipeline.Retry {
			v.step = max(0, v.step-1)
			v.shut(now)
		} else {
			p.g.open(v)
		}
	}
}

func (p *pass) throttledKey(s pipeline.Scope) valveKey {
	switch s {
	case pipeline.ScopeField:
		return valveKey{endpoint: p.m.q.deps.Endpoint, field: "field " + p.field}
	case pipeline.ScopeApp, pipeline.ScopeAdvertiser:
		return valveKey{}
	}
	return valveKey{endpoint: p.m.q.deps.Endpoint}
}

// deniedKey stops the connection when the token is refused, and only the sync when it is refused this one thing.
func (p *pass) deniedKey(s pipeline.Scope) valveKey {
	if s == pipeline.ScopeField {
		return valveKey{queue: p.m.q}
	}
	return valveKey{}
}

// shut shuts a valve, or shuts it for longer if this call was its probe. Calls that were in flight when it was shut add
// nothing: one trouble counts once.
func (p *pass) shut(key valveKey, kind pipeline.TroubleKind, a *pipeline.Answer, now time.Time) {
	v := p.g.valves[key]
	if v != nil && !p.probed(v) {
		return
	}
	if v == nil || v.kind != kind {
		if v != nil {
			p.g.open(v)
		}
		v = &valve{key: key, kind: kind, first: now}
		p.g.valves[key] = v
	}
	v.shut(now)
	p.g.announce(v, a)
}

func (p *pass) probed(v *valve) bool {
	for _, own := range p.probes {
		if own == v {
			return true
		}
	}
	return false
}
