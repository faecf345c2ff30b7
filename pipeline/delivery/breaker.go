package delivery

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// breakerKey is which calls a breaker holds up: those of an endpoint, of a field of an endpoint, of a queue, or all.
type breakerKey struct {
	endpoint string
	field    string
	queue    *Queue
}

// keysOf are the breakers in the way of a call.
func keysOf(m *member, field string) [4]breakerKey {
	return [4]breakerKey{{}, {endpoint: m.q.deps.Endpoint}, destinationKey(m.q, field), {queue: m.q}}
}

func destinationKey(q *Queue, field string) breakerKey {
	return breakerKey{endpoint: q.deps.Endpoint, field: "to " + field}
}

// holdsUp reports whether a breaker is in the way of a queue's calls, for some field at least.
func (k breakerKey) holdsUp(m *member) bool {
	if k.queue != nil || k.endpoint == "" {
		return k.queue == m.q || k == breakerKey{}
	}
	return k.endpoint == m.q.deps.Endpoint && (k.field == "" || m.fields[k.field])
}

// breaker is open: calls wait until a time, then one of them is let through as a probe. Its answer closes the breaker, which
// is then forgotten, or keeps it open for longer. Gate.mu guards it.
type breaker struct {
	key     breakerKey
	name    string // of its destination
	kind    pipeline.TroubleKind
	first   time.Time // when this kind of trouble began
	step    int       // how often a probe has failed since
	long    int       // how many of the holds were long ones
	until   time.Time
	probing bool
	told    bool   // the status has it
	says    string // what TikTok answered last
	asking  bool   // TikTok is being asked about the destination: the trouble is told with what it says
	learnt  string // what it said; "" for nothing
}

func (br *breaker) letsProbe(now time.Time) bool { return !br.probing && !now.Before(br.until) }

const (
	most      = 8 * time.Second // between probes: what is held goes on soon after it can
	doubt     = 4               // refused calls without one that was accepted: then one item at a time
	sure      = 8               // and that many of those: it is not the items
	throttled = time.Minute     // of nothing but throttling: the minute's limit is used up
	longHold  = 5 * time.Minute // which that limit takes to recover
	longHolds = 6               // after that many of them the day's limit is used up
	dayProbe  = time.Hour       // between probes: it may not be the day's limit after all
)

// trip sets the time of the next probe, not before asked.
func (br *breaker) trip(now, asked time.Time) {
	pause := pipeline.Backoff{First: time.Second, Most: most}
	switch br.kind {
	case pipeline.TroubleThrottled:
		pause.Most = throttled
		br.until = br.throttledUntil(now, pause.After(br.step))
	case pipeline.TroubleTikTok:
		pause.Low, pause.High = 0.8, 1.2
		br.until = now.Add(pause.After(br.step))
	case pipeline.TroubleRefused:
		pause.First = 20 * time.Millisecond
		br.until = now.Add(pause.After(br.step))
	default:
		br.until = now.Add(pause.After(br.step))
	}
	if br.until.Before(asked) {
		br.until = asked
	}
	br.step++
	br.probing = false
}

// isSure reports whether the trouble is worth telling: a refusal, or an unknown answer, may be about the items of one call,
// which a few probes with others show.
func (br *breaker) isSure() bool {
	switch br.kind {
	case pipeline.TroubleRefused:
		return br.step >= sure
	case pipeline.TroubleUnknown:
		return br.step > 1
	}
	return true
}

// throttledUntil follows TikTok's rules: the limit of a second is over in a second; after a minute of nothing but
// throttling it is the limit of a minute, which takes five to recover; when that does not help it is the limit of a day,
// which ends at midnight UTC. The code does not say which, so a call an hour finds out if the day's was a wrong guess.
func (br *breaker) throttledUntil(now time.Time, pause time.Duration) time.Time {
	if now.Sub(br.first) < throttled {
		return now.Add(pause)
	}
	if br.long++; br.long <= longHolds {
		return now.Add(longHold)
	}
	midnight := now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	if hour := now.Add(dayProbe); hour.Before(midnight) {
		return hour
	}
	return midnight
}
