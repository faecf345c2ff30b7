package delivery

import (
	"slices"
	"strconv"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// batch is the items of one call, and of the calls it takes to find which of them cannot be delivered. One goroutine
// owns it.
type batch struct {
	queue      *Queue
	sender     *sender
	id         string
	envelope   string
	field      string
	size       int
	first      *permit // for the first call
	fromFailed bool    // a piece of a batch that kept failing

	calls    int
	parts    int
	most     int // items TikTok takes in one call, once it has refused more
	accepted int // items
	found    int // bad items found
	cleared  int // items accepted while they were looked for
	bad      int // items refused
	divided  bool
	suspects []suspect
	asked    bool // for a control, the last time a witness was looked for
	holds    int  // of the destination, when the search began
	ends     []end
}

// end is a row's end in the dead letters.
type end struct {
	d   *delivery
	row int32
	pipeline.Letter
	position pipeline.Position
}

// part is items sent together, again and again until TikTok says yes or no.
type part struct {
	entries  []entry
	id       string
	attempts int
	strikes  int       // failures between which the endpoint worked for others
	began    time.Time // of failing
	failed   time.Time
	pause    time.Time // no call before it
	alone    bool      // one of its items got through alone while TikTok seemed away
	suspect  bool      // it is one that stays so, whatever its destination does
	expected bool      // it was refused before, which a witness shows to be its own fault
	denied   moment    // when its destination, which a row had chosen, was first refused
}

func (s *sender) newBatch(p *permit, entries []entry) *batch {
	s.queue.mu.Lock()
	s.queue.batches++
	id := s.queue.stamp + strconv.FormatInt(s.queue.batches, 10)
	s.queue.mu.Unlock()
	metrics.Observe(s.queue.deps.Metrics.wait, time.Since(entries[0].d.came), entries[0].d.span.TraceID())
	return &batch{queue: s.queue, sender: s, id: id, envelope: p.envelope, field: p.field, size: len(entries)}
}

// run delivers the batch and settles its rows. When the queue is stopped it leaves them unsettled.
func (b *batch) run(p *permit, entries []entry) {
	b.first = p
	b.deliver(entries)
	b.writeDeadLetters()
	b.queue.deps.Metrics.batches.WithLabelValues(b.result()).Inc()
}

func (b *batch) result() string {
	switch {
	case slices.ContainsFunc(b.ends, func(e end) bool { return e.Rejection.Class() == pipeline.ClassFailed }):
		return "dead_lettered"
	case b.bad == 0:
		return "accepted"
	case b.accepted == 0:
		return "rejected"
	}
	return "partial"
}

// outcome is how a part ended.
type outcome struct {
	kind   outcomeKind
	answer pipeline.Answer
	sent   []entry // what the last call held
	at     moment  // when its answer came
}

type outcomeKind uint8

const (
	stopped  outcomeKind = iota // nothing more is to be sent
	accepted                    // and settled
	refused                     // for its data
	tooMany
	doubtful    // enough of its items are suspect
	recovered   // its destination had refused everything, and does not any more: nothing learnt before counts
	misdirected // its destination, which a row has chosen, is refused while others are accepted
	gaveUp
	overdue // given up for the time it took, whatever the cause
)

// call sends entries together until TikTok says yes or no, or they are given up. Accepted items are settled.
func (b *batch) call(entries []entry) outcome { return b.send(&part{entries: entries}) }

// send is call for a part that the caller has made.
func (b *batch) send(p *part) outcome {
	for p.id = b.partID(); ; {
		t, ok := b.attempt(p)
		switch {
		case t.recovered:
			return outcome{kind: recovered, sent: p.entries}
		case !ok:
			return outcome{kind: stopped}
		}
		if kind, ends := b.classify(p, t); ends {
			return outcome{kind, t.answer, p.entries, t.at}
		}
		b.queue.deps.Metrics.calls.Again(t.answer.Verdict)
	}
}

// partID is the batch's id for its first call and numbers those that follow from it.
func (b *batch) partID() string {
	b.parts++
	if b.parts == 1 {
		return b.id
	}
	return b.id + "." + strconv.Itoa(b.parts-2)
}

// classify reports whether a try ends its part, and how.
func (b *batch) classify(p *part, t try) (outcomeKind, bool) {
	verdict := t.answer.Verdict
	switch {
	case verdict == pipeline.Retry && b.isOverdue(p):
		return overdue, true
	case t.probe && b.probed(p, t):
		return doubtful, len(p.entries) == 0 || len(b.suspects) >= handful
	case t.probe:
		return misdirected, b.isMisdirected(p, t)
	case t.answer.IsAccepted():
		return accepted, true
	case verdict == pipeline.Refused:
		return refused, true
	case verdict == pipeline.TooMany && (len(p.entries) > 1 || t.answer.Code != 0):
		return tooMany, true
	case verdict == pipeline.Retry, verdict == pipeline.TooMany:
		return gaveUp, b.failed(p)
	case verdict == pipeline.Unknown: // it may be about one of the items: others go first
		p.pause = time.Now().Add(pipeline.Backoff{First: time.Second, Most: most}.After(p.attempts - 1))
	}
	return misdirected, b.isMisdirected(p, t)
}

// probed takes in a probe: one item of the part, which told the gate what it wanted to know. It reports whether the answer was about the item.
func (b *batch) probed(p *part, t try) bool {
	switch {
	case t.answer.IsAccepted():
		p.alone = true
	case t.answer.Verdict == pipeline.Refused, t.answer.Verdict == pipeline.TooMany && t.answer.Code != 0:
		b.suspect(t.sent[0], outcome{answer: t.answer, at: t.at})
	default:
		return false
	}
	p.entries = without(p.entries, t.sent[0])
	return true
}

// isMisdirected reports whether the part goes where a row wants it, and that is refused: again, after the endpoint has
// accepted what goes elsewhere. Without such a witness it asks for one.
func (b *batch) isMisdirected(p *part, t try) bool {
	a := &t.answer
	if b.queue.deps.Misdirected == "" || a.Scope != pipeline.ScopeField || a.Verdict != pipeline.Denied && a.Verdict != pipeline.Broken {
		return false
	}
	witness := b.queue.deps.Gate.endpointWitness(b.queue.deps.Endpoint)
	switch {
	case p.denied == 0:
		p.denied = t.at
	case witness > p.denied:
		return true
	}
	if witness < p.denied {
		b.control(p.entries, func(field string) bool { return field != b.field })
	}
	return false
}

func without(entries []entry, e entry) []entry {
	return slices.DeleteFunc(slices.Clone(entries), func(other entry) bool { return other == e })
}

// failed counts a failure and reports whether to give the part up. A failure counts only if the endpoint has worked for
// others since the last one: while TikTok is away nothing is given up (P8).
func (b *batch) failed(p *part) bool {
	r, now := b.queue.cfg.Retry, time.Now()
	switch {
	case p.strikes == 0:
		p.strikes = 1
	case b.queue.deps.Gate.workedSince(b.queue.deps.Endpoint, p.failed):
		p.strikes++
	}
	p.failed = now
	p.pause = now.Add(r.backoff().After(p.attempts - 1))
	return p.strikes >= b.patience(p)
}

// isOverdue reports whether the part has failed for so long that the configuration gives it up.
func (b *batch) isOverdue(p *part) bool {
	if p.began.IsZero() {
		p.began = time.Now()
	}
	limit := b.queue.cfg.Retry.GiveUpAfter.Std()
	return limit > 0 && time.Since(p.began) >= limit
}

// patience is the number of failures that make a part given up. A part that can be divided is given up sooner, for that
// only makes its pieces travel alone: when it comes from one that was given up, or one of its items got through. An item
// alone has all of it: a TikTok that fails every second call fails a good one several times in a row.
func (b *batch) patience(p *part) int {
	if len(p.entries) == 1 || !b.fromFailed && !p.alone {
		return b.queue.cfg.Retry.Attempts
	}
	return min(b.queue.cfg.Retry.Attempts, 2)
}
