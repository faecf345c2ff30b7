// Package calls remembers the last API calls of each sync for the live debugger: what was sent, hashed as sent and
// without a token, and what TikTok answered. The memory of all syncs together is bounded in bytes; where it is full, the
// oldest calls of the sync that has most keep only their figures, and later go. Calls that went wrong are kept apart, so
// that a flood of good ones does not wash them out, and of that flood only as many are kept whole as cost next to nothing.
// Readers never hold up a sync.
package calls

import (
	"cmp"
	"slices"
	"sync"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Entry is a remembered call with its number, which grows by one per call of the process. It does not change any more.
type Entry struct {
	Number int64
	pipeline.Call
	Cut    bool    // the request was longer than MaxRequest and its end is missing
	Brief  bool    // only its figures are kept: no request, no body of the answer, no rows
	Origin *Origin // of a call that was read from the topic; nil in a Log
}

// Origin is where a call was made that was read from the topic, and its position there.
type Origin struct {
	Instance, Run string
	Partition     int32
	Offset        int64
	Missed        int64 // calls of the instance before it that were not written
	Whole         bool  // the topic has more than its figures
}

// Good says that TikTok took all of the call.
func (e *Entry) Good() bool {
	return e.Answer.IsAccepted()
}

// Limits bound the memory and what filling it costs.
type Limits struct {
	Total      int // bytes of requests, answers and rows of all syncs; 0: 12 MiB
	MaxRequest int // bytes of one request; 0: 1 MiB
	Rate       int // bytes a second of good calls kept whole; 0: 4 MiB
}

// Log is the memory. It is safe for concurrent use.
type Log struct {
	limits Limits
	scrub  func(string) string

	mu     sync.Mutex
	number int64
	rings  map[ringKey]*ring
	bytes  int
	whole  allowance // of good calls
	tell   func(*Entry)
}

type ringKey struct {
	sync string
	good bool
}

// ring is the calls of a sync, the oldest first: brief ones, then those that are whole but for some.
type ring struct {
	entries []*Entry
	shrunk  int // how many of the first are brief
	bytes   int
}

// New makes an empty memory. scrub makes a text of TikTok's fit to be seen.
func New(l Limits, scrub func(string) string) *Log {
	l.MaxRequest = cmp.Or(l.MaxRequest, 1<<20)
	l.Rate = cmp.Or(l.Rate, 4<<20)
	return &Log{limits: l, scrub: scrub, rings: map[ringKey]*ring{}, whole: newAllowance(l.Rate, 2*l.Rate)}
}

// Add remembers a call, its personal data masked. It copies the request and the answer's body: the caller may use their memory
// again.
func (l *Log) Add(c pipeline.Call) {
	e := &Entry{Call: c}
	if len(c.Request) > l.limits.MaxRequest {
		e.Request, e.Cut = c.Request[:l.limits.MaxRequest], true
	}
	if e.Good() && !l.affords(e.size()) {
		e = e.brief()
	}
	if !e.Brief {
		e.Request, e.Answer.Body = Mask(e.Request), scrubbed(e.Answer.Body, l.scrub)
	}
	l.add(e)
	if l.tell != nil {
		l.tell(e)
	}
}

func (l *Log) add(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.number++
	e.Number = l.number
	l.keep(e)
}

// Tell has every call given to the function once it is remembered; it must not wait. It is set before the first Add.
func (l *Log) Tell(tell func(*Entry)) { l.tell = tell }

// affords takes the bytes of a good call off what may be kept whole a second.
func (l *Log) affords(bytes int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.whole.takeBytes(bytes)
}

// brief is the entry with its figures alone.
func (e *Entry) brief() *Entry {
	b := *e
	b.Request, b.Answer.Body, b.Rows, b.Brief, b.Cut = nil, nil, nil, true, false
	return &b
}

// keep adds the entry and makes room for it. mu is held.
func (l *Log) keep(e *Entry) {
	key := ringKey{e.Sync, e.Good()}
	if l.rings[key] == nil {
		l.rings[key] = &ring{}
	}
	r := l.rings[key]
	r.entries = append(r.entries, e)
	r.bytes += e.size()
	l.bytes += e.size()
	for l.bytes > l.limits.Total && l.makeRoom(e) {
	}
}

// makeRoom takes from the sync that has most; never the call just added. It reports whether it could.
func (l *Log) makeRoom(added *Entry) bool {
	var most *ring
	for _, r := range l.rings {
		if most == nil || r.bytes > most.bytes {
			most = r
		}
	}
	before := most.bytes
	switch {
	case most.shrunk*figures > l.limits.Total/8, most.shrunk == len(most.entries):
		most.dropOldest()
	case most.entries[most.shrunk] == added && most.shrunk > 0:
		most.dropOldest()
	case most.entries[most.shrunk] == added:
		return false
	default:
		most.shrinkOldest()
	}
	l.bytes -= before - most.bytes
	return true
}

func (r *ring) dropOldest() {
	r.bytes -= r.entries[0].size()
	r.entries[0] = nil
	r.entries = r.entries[1:]
	r.shrunk = max(0, r.shrunk-1)
}

// shrinkOldest leaves only the figures of the oldest call that is whole. Readers may have the old entry: it stays as it is.
func (r *ring) shrinkOldest() {
	whole := r.entries[r.shrunk]
	r.entries[r.shrunk] = whole.brief()
	r.bytes -= whole.size() - r.entries[r.shrunk].size()
	r.shrunk++
}

// figures is about what a brief entry holds.
const figures = 512

// size estimates the memory an entry holds.
func (e *Entry) size() int {
	n := figures + len(e.Request) + len(e.Answer.Body) + len(e.Answer.Message)
	for i := range e.Rows {
		n += 64 + len(e.Rows[i].EventID)
	}
	return n
}

// Last returns the newest calls of a sync that match, newest first, at most n; sync "" means all, match nil every call.
func (l *Log) Last(sync string, n int, match func(*Entry) bool) []*Entry {
	var found []*Entry
	for _, e := range l.newest(sync) {
		if len(found) == n {
			break
		}
		if match == nil || match(e) {
			found = append(found, e)
		}
	}
	return found
}

// newest are all calls of a sync, newest first. Only the pointers are copied under the lock.
func (l *Log) newest(sync string) []*Entry {
	l.mu.Lock()
	var all []*Entry
	for key, r := range l.rings {
		if sync == "" || sync == key.sync {
			all = append(all, r.entries...)
		}
	}
	l.mu.Unlock()
	slices.SortFunc(all, func(x, y *Entry) int { return cmp.Compare(y.Number, x.Number) })
	return all
}

// Get returns the call with that number, if it is still remembered.
func (l *Log) Get(number int64) (*Entry, bool) {
	list := l.Last("", 1, func(e *Entry) bool { return e.Number == number })
	if len(list) == 0 {
		return nil, false
	}
	return list[0], true
}
