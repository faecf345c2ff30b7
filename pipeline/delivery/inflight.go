package delivery

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// inFlight is a call under way.
type inFlight struct {
	entries []entry
	rows    []pipeline.Position // for OnCall; nil without one
	request *request
	cancel  context.CancelFunc
	late    bool // it ended without TikTok's answer
	span    *tracing.Span
}

// request is the memory a call is written into, used again by later ones.
type request struct {
	body   []byte
	bodies [][]byte
}

var requests = sync.Pool{New: func() any { return new(request) }}

// buildRequest writes the call for those of the entries that are still wanted; nil when none is.
func (q *Queue) buildRequest(envelope string, entries []entry) *inFlight {
	entries = q.claim(entries)
	if len(entries) == 0 {
		return nil
	}
	f := &inFlight{entries: entries, request: requests.Get().(*request)}
	r := f.request
	r.bodies = r.bodies[:0]
	for _, e := range entries {
		r.bodies = append(r.bodies, e.body())
	}
	r.body = q.deps.AppendRequest(r.body[:0], envelope, r.bodies)
	clear(r.bodies)
	if q.deps.OnCall != nil {
		f.rows = positions(entries)
	}
	eachDelivery(entries, func(d *delivery) { d.reading.Done() })
	return f
}

// claim picks the entries whose deliveries are not leaving and keeps their items readable until reading is done.
func (q *Queue) claim(entries []entry) []entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	entries = wanted(entries)
	eachDelivery(entries, func(d *delivery) {
		d.calls++
		d.reading.Add(1)
	})
	return entries
}

func (q *Queue) stillWanted(entries []entry) []entry {
	q.mu.Lock()
	defer q.mu.Unlock()
	return wanted(entries)
}

// wanted are the entries that are still waited for. Queue.mu is held.
func wanted(entries []entry) []entry {
	leaving := func(e entry) bool { return e.d.gone }
	if !slices.ContainsFunc(entries, leaving) {
		return entries
	}
	return slices.DeleteFunc(slices.Clone(entries), leaving)
}

// post makes the part's call.
func (b *batch) post(f *inFlight, p *part) pipeline.Answer {
	var ctx context.Context
	ctx, f.cancel = context.WithCancel(b.sender.life)
	defer f.cancel()
	b.queue.mu.Lock()
	b.queue.calls[f] = struct{}{}
	b.queue.mu.Unlock()
	ctx, f.span = b.trace(ctx, f, p)
	a := b.queue.deps.Post(ctx, f.request.body)
	f.span.Answer(&a)
	f.late = a.MayComeLate()
	return a
}

// trace begins the call's span where tracing is on.
func (b *batch) trace(ctx context.Context, f *inFlight, p *part) (context.Context, *tracing.Span) {
	if b.queue.deps.Tracing == nil {
		return ctx, nil
	}
	call := tracing.Call{Method: http.MethodPost, Endpoint: b.queue.deps.Endpoint, Batch: p.id, Items: len(f.entries), Attempt: p.attempts}
	eachDelivery(f.entries, func(d *delivery) { call.Chunks = append(call.Chunks, d.span) })
	return b.queue.deps.Tracing.Call(ctx, call)
}

// finished ends a call: leaving deliveries may wait for it.
func (q *Queue) finished(f *inFlight) {
	requests.Put(f.request)
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.calls, f)
	eachDelivery(f.entries, func(d *delivery) {
		d.late = d.late || f.late
		if d.calls--; d.calls == 0 && d.idle != nil {
			close(d.idle)
		}
	})
}

// eachDelivery calls do for each run of entries of one delivery.
func eachDelivery(entries []entry, do func(d *delivery)) {
	var last *delivery
	for _, e := range entries {
		if e.d != last {
			do(e.d)
			last = e.d
		}
	}
}

// positions are where the entries come from. Their event ids share one text.
func positions(entries []entry) []pipeline.Position {
	var ids strings.Builder
	ids.Grow(32 * len(entries)) // the usual length of an id
	for _, e := range entries {
		ids.Write(e.d.items.ID(int(e.item)))
	}
	rest, list := ids.String(), make([]pipeline.Position, len(entries))
	for i, e := range entries {
		n := len(e.d.items.ID(int(e.item)))
		list[i] = e.position(rest[:n])
		rest = rest[n:]
	}
	return list
}

// note reports a call to metrics and the live debugger.
func (q *Queue) note(f *inFlight, b *batch, p *part, a *pipeline.Answer) {
	call := pipeline.Call{
		Time: time.Now().Add(-a.Duration), Sync: q.deps.Sync, Endpoint: q.deps.Endpoint, Envelope: b.envelope, Items: len(f.entries),
		Attempt: p.attempts, Batch: p.id, Request: f.request.body, Answer: *a, Rows: f.rows,
	}
	q.deps.Metrics.calls.Made(&call, f.span.TraceID())
	if q.deps.OnCall != nil {
		q.deps.OnCall(call)
	}
}
