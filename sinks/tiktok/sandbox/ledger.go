package sandbox

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"sync"
	"time"
)

// dedupeWindow is how long TikTok remembers an event, from its first arrival.
const dedupeWindow = 48 * time.Hour

// maxNames bounds the number of event names that are counted apart.
const maxNames = 10_000

// arrival is one event of an accepted call. Its bytes belong to the call's body.
type arrival struct {
	source          string
	event, id, body []byte
	ofApps          bool // the name is one of app events, and reserved for none of them
}

// eventKey stands for source, event and event_id: the first half of the SHA-256 of the three, joined by zero bytes.
type eventKey [16]byte

// Event is one event TikTok counts, or one it only shows as a test.
type Event struct {
	Source   string    `json:"event_source_id"`
	Event    string    `json:"event"`    // as it was sent
	Reported string    `json:"reported"` // as TikTok shows it: legacy names under their new one
	ID       string    `json:"event_id"` // empty where none was sent
	Arrived  time.Time `json:"arrived"`  // the first arrival
	Body     []byte    `json:"-"`        // the event as it was sent; only the newest Config.KeepBodies have it
}

// ledger is what TikTok holds of events: the deduplicated set, in the order of first arrivals, and its counts.
type ledger struct {
	merge      bool
	maxRecords int
	maxBodies  int

	mu      sync.Mutex
	seen    map[eventKey]int64 // first arrival, Unix seconds
	sweep   int                // size of seen at which old keys are looked for
	names   map[string]string  // one copy of each name
	records []Event
	tests   []Event
	counts  EventCounts
	digest  [2]uint64
	days    map[statKey]*dayCount
}

// EventCounts counts events by what became of them.
type EventCounts struct {
	Accepted   int64            `json:"accepted"`   // counted once each
	Duplicates int64            `json:"duplicates"` // answered 0 and dropped
	Tests      int64            `json:"tests"`      // sent with a test_event_code
	WithoutID  int64            `json:"without_id"` // of the accepted: those that cannot be deduplicated
	ByName     map[string]int64 `json:"by_name"`    // accepted, under the reported name
	BySource   map[string]int64 `json:"by_source"`  // accepted
	Recorded   int              `json:"recorded"`   // how many Events returns; the rest is only counted
	Digest     string           `json:"digest"`     // see Stats
}

func newLedger(cfg Config) *ledger {
	l := &ledger{merge: cfg.MergeRenamed, maxRecords: cfg.KeepEvents, maxBodies: cfg.KeepBodies}
	l.reset()
	return l
}

func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen, l.sweep = map[eventKey]int64{}, 1<<16
	l.names, l.records, l.tests = map[string]string{}, nil, nil
	l.counts = EventCounts{ByName: map[string]int64{}, BySource: map[string]int64{}}
	l.digest, l.days = [2]uint64{}, map[statKey]*dayCount{}
}

// arrive takes the events of one accepted call, in order.
func (l *ledger) arrive(now time.Time, list []arrival, test bool) {
	keys := make([]eventKey, len(list))
	for i, a := range list {
		keys[i] = l.key(a)
	}
	day := dayOf(now)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, a := range list {
		keep := len(list)-i <= l.maxBodies
		switch {
		case test:
			l.counts.Tests++
			l.tests = l.record(l.tests, now, a, keep)
		case len(a.id) > 0 && l.duplicate(keys[i], now):
			l.counts.Duplicates++
		default:
			l.count(keys[i], a, day)
			l.records = l.record(l.records, now, a, keep)
		}
	}
	l.forget(now)
}

func (l *ledger) key(a arrival) (k eventKey) {
	event := a.event
	if name, ok := renamed[string(event)]; ok && l.merge {
		event = []byte(name)
	}
	buffer := make([]byte, 0, 256)
	buffer = append(append(buffer, a.source...), 0)
	buffer = append(append(buffer, event...), 0)
	sum := sha256.Sum256(append(buffer, a.id...))
	copy(k[:], sum[:])
	return k
}

// duplicate reports whether the key arrived within the window, and remembers it if not.
func (l *ledger) duplicate(k eventKey, now time.Time) bool {
	first, ok := l.seen[k]
	if ok && now.Sub(time.Unix(first, 0)) < dedupeWindow {
		return true
	}
	l.seen[k] = now.Unix()
	return false
}

func (l *ledger) count(k eventKey, a arrival, day int64) {
	name := l.countedAs(a)
	l.counts.Accepted++
	l.counts.BySource[a.source]++
	l.counts.ByName[name]++
	l.daily(statKey{day, a.source, name}).server++
	if len(a.id) == 0 {
		l.counts.WithoutID++
		return
	}
	l.digest[0] += binary.BigEndian.Uint64(k[:8])
	l.digest[1] += binary.BigEndian.Uint64(k[8:])
}

// name keeps one string per distinct event name, as long as they are not too many.
func (l *ledger) name(b []byte) string {
	s, ok := l.names[string(b)]
	if !ok {
		s = string(b)
		if len(l.names) < maxNames {
			l.names[s] = s
		}
	}
	return s
}

// countedAs is the name an event is counted under; names beyond the limit share one count.
func (l *ledger) countedAs(a arrival) string {
	name := l.name(a.event)
	if _, ok := l.names[name]; !ok {
		return "(other)"
	}
	return a.reported(name)
}

func (a arrival) reported(name string) string {
	if a.ofApps {
		return name
	}
	return reported(name)
}

func reported(name string) string {
	return cmp.Or(renamed[name], reservedEvents[name], name)
}

// record adds an event to a list that stops growing at its limit, and drops the body that is one too many.
func (l *ledger) record(list []Event, now time.Time, a arrival, keep bool) []Event {
	if len(list) >= l.maxRecords {
		return list
	}
	name := l.name(a.event)
	e := Event{Source: a.source, Event: name, Reported: a.reported(name), ID: string(a.id), Arrived: now}
	if keep {
		e.Body = slices.Clone(a.body)
	}
	if old := len(list) - l.maxBodies; old >= 0 && l.maxBodies > 0 {
		list[old].Body = nil
	}
	return append(list, e)
}

// forget drops keys past the window when there are many, so that memory follows the last 48 hours.
func (l *ledger) forget(now time.Time) {
	if len(l.seen) < l.sweep {
		return
	}
	for k, first := range l.seen {
		if now.Sub(time.Unix(first, 0)) >= dedupeWindow {
			delete(l.seen, k)
		}
	}
	l.sweep = 2 * max(len(l.seen), 1<<15)
}

func (l *ledger) stats() EventCounts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts
	c.ByName, c.BySource = copyCounts(c.ByName), copyCounts(c.BySource)
	c.Recorded = len(l.records)
	var d [16]byte
	binary.BigEndian.PutUint64(d[:8], l.digest[0])
	binary.BigEndian.PutUint64(d[8:], l.digest[1])
	c.Digest = hex.EncodeToString(d[:])
	return c
}

// list copies up to n records, or tests, from an index on.
func (l *ledger) list(tests bool, from, n int) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.records
	if tests {
		all = l.tests
	}
	from = min(max(from, 0), len(all))
	return slices.Clone(all[from:min(from+n, len(all))])
}
