package delivery

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// valveKey says which calls a valve holds up: those of an endpoint, of a field of an endpoint, of a queue, or all.
type valveKey struct {
	endpoint string
	field    string
	queue    *Queue
}

// keysOf are the valves in the way of a call.
func keysOf(m *member, field string) [4]valveKey {
	endpoint := m.q.deps.Endpoint
	return [4]valveKey{{}, {endpoint: endpoint}, {endpoint: endpoint, field: "field " + field}, {queue: m.q}}
}

// holdsUp says whether a valve is in the way of a queue's calls, for some field at least.
func (k valveKey) holdsUp(q *Queue) bool {
	return k == valveKey{} || k.queue == q || k.queue == nil && k.endpoint == q.deps.Endpoint
}

// valve is shut: calls wait until a time, then one of them passes to see. Its answer opens the valve, which is then
// forgotten, or shuts it for longer. Gate.mu guards it.
type valve struct {
	key     valveKey
	kind    pipeline.TroubleKind
	first   time.Time // when this kind of trouble began
	step    int       // how often a probe has failed since
	long    int       // how many of the holds were long ones
	until   time.Time
	probing bool
}

func (v *valve) letsProbe(now time.Time) bool { return !v.probing && !now.Before(v.until) }

const (
	maxAway   = time.Minute      // between probes while TikTok is away
	maxStop   = 30 * time.Second // between probes while the token or the configuration is refused
	throttled = time.Minute      // of nothing but throttling: the minute's limit is used up
	longHold  = 5 * time.Minute  // which that limit takes to recover
	longHolds = 6                // so many of them: the day's limit is used up
	dayProbe  = time.Hour        // a look whether it is the day's limit after all
)

// shut sets the time of the next probe.
func (v *valve) shut(now time.Time) {
	pause := pipeline.Backoff{First: time.Second, Most: maxStop}
	switch v.kind {
	case pipeline.TroubleThrottled:
		pause.Most = throttled
		v.until = v.throttledUntil(now, pause.After(v.step))
	case pipeline.TroubleTikTok:
		pause.Most, pause.Low, pause.High = maxAway, 0.8, 1.2
		v.until = now.Add(pause.After(v.step))
	default:
		v.until = now.Add(pause.After(v.step))
	}
	v.step++
	v.probing = false
}

// throttledUntil follows TikTok's rules: the limit of a second is over in a second; after a minute of nothing but
// throttling it is the limit of a minute, which takes five to recover; when that does not help it is the limit of a day,
// which ends at midnight UTC. The code does not tell which, so a call an hour looks whether the day's was a wrong guess.
func (v *valve) throttledUntil(now time.Time, pause time.Duration) time.Time {
	if now.Sub(v.first) < throttled {
		return now.Add(pause)
	}
	if v.long++; v.long <= longHolds {
		return now.Add(longHold)
	}
	midnight := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	if hour := now.Add(dayProbe); hour.Before(midnight) {
		return hour
	}
	return midnight
}
