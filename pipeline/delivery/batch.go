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
	queue    *Queue
	sender   *sender
	id       string
	envelope string
	field    string
	size     int
	first    *permit // for the first call
	suspect  bool    // a piece of a batch that kept failing

	calls    int
	parts    int
	most     int  // items TikTok takes in one call, once it has refused more
	accepted int  // items
	found    int  // bad items found by halving
	cleared  int  // items accepted while they were looked for
	bad      int  // items refused
	named    bool // a refusal named its row
	misnamed bool // a refusal named a row that was not to blame
	divided  bool
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
}

type outcomeKind uint8

const (
	stopped  outcomeKind = iota // nothing more is to be sent
	accepted                    // and settled
	refused                     // for its data
	tooMany
	gaveUp
	overdue // given up for the time it took, whatever the cause
)

// call sends entries together until TikTok says yes or no, or they are given up. Accepted items are settled.
func (b *batch) call(entries []entry) outcome {
	p := &part{entries: entries, id: b.partID()}
	for {
		t, ok := b.attempt(p)
		if !ok {
			return outcome{kind: stopped}
		}
		if kind, ends := b.classify(p, t); ends {
			return outcome{kind, t.answer, p.entries}
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
	yes := t.answer.Verdict == pipeline.Accepted || t.answer.Verdict == pipeline.Warned
	switch {
	case t.answer.Verdict == pipeline.Retry && b.isOverdue(p):
		return overdue, true
	case t.probe && yes: // it was one item of the part, and told the gate what it wanted to know
		p.entries, p.alone = without(p.entries, t.sent[0]), true
		return 0, false
	case t.probe:
		return 0, false
	case yes:
		return accepted, true
	case t.answer.Verdict == pipeline.Refused:
		return refused, true
	case t.answer.Verdict == pipeline.TooMany:
		return tooMany, true
	case t.answer.Verdict == pipeline.Retry:
		return gaveUp, b.failed(p)
	}
	return 0, false
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
	if len(p.entries) == 1 || !b.suspect && !p.alone {
		return b.queue.cfg.Retry.Attempts
	}
	return min(b.queue.cfg.Retry.Attempts, 2)
}
