// Package calls remembers the last API calls of each sync for the live debugger: what was sent, hashed as sent and
// without a token, and what TikTok answered. The memory is bounded in bytes per sync; the oldest calls go first. Writing
// costs one copy of the request; readers never hold up a sync.
package calls

import (
	"slices"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Entry is a remembered call with its number, which grows by one per call of the process.
type Entry struct {
	Number int64
	pipeline.Call
	Cut bool // the request was longer than MaxRequest and its end is missing
}

// Limits bound the memory.
type Limits struct {
	PerSync    int // bytes of requests, answers and rows remembered per sync; 0: 8 MiB
	MaxRequest int // bytes of one request; 0: 256 KiB
}

// Log is the memory. It is safe for concurrent use.
type Log struct {
	limits Limits

	mu     sync.Mutex
	number int64
	syncs  map[string]*ring
	heard  map[chan Entry]struct{}
}

type ring struct {
	entries []Entry
	bytes   int
}

// New makes an empty memory.
func New(l Limits) *Log {
	if l.PerSync == 0 {
		l.PerSync = 8 << 20
	}
	if l.MaxRequest == 0 {
		l.MaxRequest = 256 << 10
	}
	return &Log{limits: l, syncs: map[string]*ring{}, heard: map[chan Entry]struct{}{}}
}

// Add remembers a call. It copies the request and the answer's body: the caller may use their memory again.
func (l *Log) Add(c pipeline.Call) {
	e := Entry{Call: c}
	if len(c.Request) > l.limits.MaxRequest {
		c.Request, e.Cut = c.Request[:l.limits.MaxRequest], true
	}
	e.Request, e.Answer.Body = slices.Clone(c.Request), slices.Clone(c.Answer.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	e.Number = l.number
	r := l.syncs[c.Sync]
	if r == nil {
		r = &ring{}
		l.syncs[c.Sync] = r
	}
	r.add(e, l.limits.PerSync)
	l.tell(e)
}

// tell gives listeners the entry and passes over those that are behind: a slow browser never slows a sync.
func (l *Log) tell(e Entry) {
	for ch := range l.heard {
		select {
		case ch <- e:
		default:
		}
	}
}

func (r *ring) add(e Entry, limit int) {
	r.entries = append(r.entries, e)
	r.bytes += e.size()
	drop := 0
	for r.bytes > limit && drop < len(r.entries)-1 {
		r.bytes -= r.entries[drop].size()
		r.entries[drop] = Entry{}
		drop++
	}
	r.entries = r.entries[drop:]
}

// size estimates the memory an entry holds.
func (e *Entry) size() int {
	n := 512 + len(e.Request) + len(e.Answer.Body) + len(e.Answer.Message)
	for i := range e.Rows {
		n += 64 + len(e.Rows[i].EventID)
	}
	return n
}

// Last returns the newest calls of a sync that match, newest first, at most n; sync "" means all, match nil every call.
func (l *Log) Last(sync string, n int, match func(*Entry) bool) []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []Entry
	for name, r := range l.syncs {
		if sync != "" && sync != name {
			continue
		}
		found = append(found, r.last(n, match)...)
	}
	slices.SortFunc(found, func(x, y Entry) int { return int(y.Number - x.Number) })
	return found[:min(n, len(found))]
}

func (r *ring) last(n int, match func(*Entry) bool) []Entry {
	var found []Entry
	for i := len(r.entries) - 1; i >= 0 && len(found) < n; i-- {
		if match == nil || match(&r.entries[i]) {
			found = append(found, r.entries[i])
		}
	}
	return found
}

// Get returns the call with that number, if it is still remembered.
func (l *Log) Get(number int64) (Entry, bool) {
	list := l.Last("", 1, func(e *Entry) bool { return e.Number == number })
	if len(list) == 0 {
		return Entry{}, false
	}
	return list[0], true
}

// Listen returns new calls as they happen until stop is called. A listener that does not keep up misses calls.
func (l *Log) Listen() (entries <-chan Entry, stop func()) {
	ch := make(chan Entry, 64)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard[ch] = struct{}{}
	return ch, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.heard, ch)
	}
}
