package delivery

import "time"

// moment orders what happens at a gate: calls that are sent, and answers that come. Unlike times, no two are the same.
type moment int64

// record is what calls have shown of TikTok, and when. Gate.mu guards it.
type record struct {
	now          moment
	destinations map[breakerKey]*destination
	accepted     map[string]moment    // by endpoint: when the last call that was accepted had been sent
	worked       map[string]time.Time // by endpoint: when it last accepted a call
	failed       map[string]int       // by endpoint: calls that failed since it last answered
	asked        time.Time            // when TikTok was last asked about a destination
}

// destination is a pixel, event set or audience at an endpoint.
type destination struct {
	accepted moment    // when the last call that was accepted had been sent
	refused  int       // refused calls since
	holds    int       // how often it was held for refusing everything
	asked    time.Time // when TikTok was last asked about it
	learnt   string    // what it said was wrong, "" for nothing
}

func newRecord() record {
	return record{destinations: map[breakerKey]*destination{}, accepted: map[string]moment{}, worked: map[string]time.Time{}, failed: map[string]int{}}
}

func (r *record) tick() moment {
	r.now++
	return r.now
}

func (r *record) destination(key breakerKey) *destination {
	d := r.destinations[key]
	if d == nil {
		d = &destination{}
		r.destinations[key] = d
	}
	return d
}

// note remembers that a call was accepted.
func (r *record) note(p *permit, now time.Time) {
	d, endpoint := r.destination(p.key()), p.m.q.deps.Endpoint
	d.learnt, d.refused, d.accepted = "", 0, max(d.accepted, p.sent)
	r.accepted[endpoint] = max(r.accepted[endpoint], p.sent)
	r.failed[endpoint], r.worked[endpoint] = 0, now
}

// seen is what is known of a destination. Whatever it accepted after it had refused an item is the item's witness: refused
// again, the item is at fault itself. A refusal that came later than that can as well be the destination's.
func (g *Gate) seen(q *Queue, field string) destination {
	g.mu.Lock()
	defer g.mu.Unlock()
	return *g.record.destination(destinationKey(q, field))
}

// endpointWitness is when the last call that the endpoint accepted was sent, 0 for never.
func (g *Gate) endpointWitness(endpoint string) moment {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.record.accepted[endpoint]
}

// workedSince reports whether the endpoint has accepted a call after a time.
func (g *Gate) workedSince(endpoint string, t time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.record.worked[endpoint].After(t)
}
