package delivery

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// admit gives permits to all callers that may have one now, and has itself called again when the next one may.
func (g *Gate) admit() {
	look := look{g: g, now: time.Now()}
	for look.next() {
	}
	g.timer.Stop()
	if !look.wake.IsZero() {
		g.timer.Reset(max(look.wake.Sub(look.now), time.Microsecond))
	}
}

// look is one round of asking who may have a permit.
type look struct {
	g    *Gate
	now  time.Time
	wake time.Time
}

// next admits one waiter and reports whether it did. The member served goes to the end of the list.
func (k *look) next() bool {
	for i, m := range k.g.members {
		if k.ask(m) {
			k.g.members = append(slices.Delete(k.g.members, i, i+1), m)
			return true
		}
	}
	return false
}

// ask goes through a member's waiters, first come first.
func (k *look) ask(m *member) bool {
	for _, w := range slices.Clone(m.waiters) {
		blocked := false
		c := w.choose(k.now, func(field string) bool {
			ok := k.allowed(m, field)
			blocked = blocked || !ok
			return ok
		})
		switch c.kind {
		case choiceLeave:
			m.drop(w)
			w.ready <- nil
		case choiceSend:
			m.drop(w)
			w.ready <- k.admit(m, w, c)
			return true
		case choiceWait:
			k.at(c.wake)
			w.hold(blocked && k.g.inFlight < k.g.cfg.CallsInFlight, k.now)
		}
	}
	return false
}

func (w *waiter) hold(limited bool, now time.Time) {
	if limited && w.limited.IsZero() {
		w.limited = now
	}
}

// at notes a time at which a caller may have a permit who may not now.
func (k *look) at(t time.Time) {
	if !t.IsZero() && t.After(k.now) && (k.wake.IsZero() || t.Before(k.wake)) {
		k.wake = t
	}
}

// allowed reports whether a call of a member for a field may be made now.
func (k *look) allowed(m *member, field string) bool {
	if k.g.inFlight >= k.g.cfg.CallsInFlight || m.q.IsStopped() {
		return false
	}
	for _, key := range keysOf(m, field) {
		if br := k.g.breakers[key]; br != nil && !br.letsProbe(k.now) {
			k.at(br.until)
			return false
		}
	}
	for _, b := range k.g.bucketsOf(m, field) {
		if missing := 1 - b.limiter.TokensAt(k.now); missing > 0 {
			k.at(k.now.Add(time.Duration(missing/float64(b.limiter.Limit())*float64(time.Second)) + time.Millisecond))
			return false
		}
	}
	return true
}

// admit gives the permit. A call that an open breaker lets through is its probe: until its answer there is no other.
func (k *look) admit(m *member, w *waiter, c choice) *permit {
	p := &permit{g: k.g, m: m, envelope: c.envelope, field: c.field, sent: k.g.record.tick()}
	p.holds = k.g.record.destination(p.key()).holds
	m.fields[p.key().field] = true
	for _, b := range k.g.bucketsOf(m, c.field) {
		b.limiter.AllowN(k.now, 1)
	}
	for _, key := range keysOf(m, c.field) {
		if br := k.g.breakers[key]; br != nil {
			br.probing = true
			p.probes = append(p.probes, br)
			p.small = p.small || br.kind != pipeline.TroubleThrottled
		}
	}
	k.g.inFlight++
	m.q.deps.Metrics.inFlight.Inc()
	if !w.limited.IsZero() {
		m.q.deps.Metrics.limited.Add(k.now.Sub(w.limited).Seconds())
		w.limited = time.Time{}
	}
	return p
}
