package delivery

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// lookEvery is how often a delivery looks whether it is held, once its partition is to be given up.
const lookEvery = 100 * time.Millisecond

// isHeld reports whether a delivery waits for what only an operator ends: none of its calls is in flight, and the sync is stopped
// or the destination of one of its items is refused. The chunk cannot settle then, so that sending more of it would only be repeated.
func (q *Queue) isHeld(d *delivery) bool {
	fields, idle := q.openFields(d)
	if !idle {
		return false
	}
	if q.IsStopped() {
		return true
	}
	for field := range fields {
		if q.deps.Gate.holds(q.member, field) {
			return true
		}
	}
	return false
}

// openFields are the destinations of a delivery's items that have not ended; idle: none of its calls is in flight.
func (q *Queue) openFields(d *delivery) (fields map[string]bool, idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	fields = map[string]bool{}
	for _, it := range d.items.List {
		if d.open[it.Row] > 0 {
			fields[q.deps.Field(d.items.Envelopes[it.Envelope])] = true
		}
	}
	return fields, d.calls == 0
}

// holds reports whether a call waits for an operator.
func (g *Gate) holds(m *member, field string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, key := range keysOf(m, field) {
		if br := g.breakers[key]; br != nil && br.told && br.needsOperator() {
			return true
		}
	}
	return false
}

// needsOperator reports whether the trouble does not pass by itself.
func (br *breaker) needsOperator() bool {
	return br.kind != pipeline.TroubleTikTok && br.kind != pipeline.TroubleThrottled
}
