package delivery

import (
	"iter"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// accept settles what TikTok took. A row with other items is settled with the last of them.
func (b *batch) accept(p *part, t try) {
	delivered := 0
	told := &pipeline.Told{Call: p.id, RequestID: t.answer.RequestID, Code: t.answer.Code}
	b.queue.mu.Lock()
	if told := b.queue.deps.Accepted; told != nil {
		told(b.envelope, taken(t.sent))
	}
	for _, e := range t.sent {
		if row, last := b.close(e); last {
			e.d.chunk.Tell(int(row), told)
			if e.d.settle(row, pipeline.Delivered) {
				delivered++
			}
		}
	}
	b.queue.mu.Unlock()
	b.accepted += len(t.sent)
	if g := b.queue.guard; g != nil && delivered > 0 {
		g.Delivered()
	}
	b.queue.deps.Metrics.rows.Settled(pipeline.Delivered, delivered)
	if t.answer.Verdict == pipeline.Warned {
		b.warn(&t.answer)
	}
}

// taken are the bodies of items whose rows are still to be settled here. Queue.mu is held while they are read: a row that settles
// gives its bytes back.
func taken(sent []entry) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, e := range sent {
			if !e.d.left && !yield(e.body()) {
				return
			}
		}
	}
}

// close ends one item. last says that its row has no more and none that was refused; a row that has goes to the dead
// letters. Queue.mu is held.
func (b *batch) close(e entry) (row int32, last bool) {
	d := e.d
	if d.left { // its items may be other items by now; its rows will come again
		return 0, false
	}
	row = e.row()
	if d.open[row]--; d.open[row] > 0 {
		return row, false
	}
	if fault := d.faults[row]; fault != nil {
		letter := pipeline.Letter{Record: &d.chunk.Records[row], Rejection: fault.Rejection, SchemaID: fault.SchemaID,
			Persons: slices.Clone(d.items.Persons(int(e.item)))}
		b.ends = append(b.ends, end{d, row, letter, e.position(fault.Rejection.EventID)})
		return row, false
	}
	return row, true
}

// reject ends items that cannot be delivered.
func (b *batch) reject(out outcome, why pipeline.Reason) {
	for _, e := range out.sent {
		r := b.rejection(e, &out.answer, why)
		if b.rejectOne(e, r) && b.queue.guard != nil {
			b.queue.guard.Refused(r)
		}
	}
}

// rejectOne reports whether the item is the first of its row that is rejected.
func (b *batch) rejectOne(e entry, r *pipeline.Rejection) (first bool) {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	if e.d.left {
		return false
	}
	first = e.d.reject(e.row(), r)
	b.close(e)
	return first
}

func (b *batch) rejection(e entry, a *pipeline.Answer, why pipeline.Reason) *pipeline.Rejection {
	return &pipeline.Rejection{
		Stage: pipeline.StageSend, Reason: why, Field: a.Field, EventID: string(e.d.items.ID(int(e.item))),
		HTTPStatus: a.HTTPStatus, Code: a.Code, APIMessage: a.Message, RequestID: a.RequestID,
		BatchID: b.id, BatchSize: b.size, Attempts: b.calls,
	}
}

// writeDeadLetters writes the dead letters of the batch and settles their rows once Kafka has them. When it cannot, before the queue
// is stopped for good, the rows stay unsettled.
func (b *batch) writeDeadLetters() {
	if b.waitForGuard(); len(b.ends) == 0 {
		return
	}
	if failed := b.failedRows(); len(failed) > 0 && b.queue.deps.DeadLetters.Batch(b.sender.life, b.record(failed)) != nil {
		return
	}
	letters := make([]pipeline.Letter, len(b.ends))
	for i, e := range b.ends {
		letters[i] = e.Letter
	}
	if b.queue.deps.DeadLetters.Rows(b.sender.life, letters) == nil {
		b.settleDead()
	}
}

// waitForGuard waits while the guard has stopped the sync. Rows that came into other hands meanwhile are not ours to end.
func (b *batch) waitForGuard() {
	if b.queue.guard != nil && len(b.ends) > 0 && b.queue.guard.Wait(b.sender.ctx) != nil {
		b.ends = nil
		return
	}
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	b.ends = slices.DeleteFunc(b.ends, func(e end) bool { return e.d.left })
}

func (b *batch) failedRows() []end {
	return slices.DeleteFunc(slices.Clone(b.ends), func(e end) bool { return e.Rejection.Class() != pipeline.ClassFailed })
}

// record is the batch as the failed topic keeps it.
func (b *batch) record(failed []end) pipeline.FailedBatch {
	r := failed[len(failed)-1].Rejection
	f := pipeline.FailedBatch{
		ID: b.id, Endpoint: b.queue.deps.Endpoint, Reason: r.Reason, Attempts: b.calls,
		Answer: pipeline.Answer{HTTPStatus: r.HTTPStatus, Code: r.Code, Message: r.APIMessage, RequestID: r.RequestID},
	}
	for _, e := range failed {
		f.Rows = append(f.Rows, e.position)
	}
	return f
}

func (b *batch) settleDead() {
	dead := 0
	b.queue.mu.Lock()
	for _, e := range b.ends {
		if e.d.settle(e.row, pipeline.DeadLettered) {
			b.queue.deps.Metrics.rows.Rejected(e.Rejection)
			dead++
		}
	}
	b.queue.mu.Unlock()
	b.queue.deps.Metrics.rows.Settled(pipeline.DeadLettered, dead)
}

// warn logs that TikTok took a call with a warning, once a minute.
func (b *batch) warn(a *pipeline.Answer) {
	b.queue.mu.Lock()
	due := time.Since(b.queue.warned) >= time.Minute
	if due {
		b.queue.warned = time.Now()
	}
	b.queue.mu.Unlock()
	if due {
		b.queue.log.Warn("TikTok took a call with a warning", "batch_id", b.id, "code", a.Code, "message", a.Message, "request_id", a.RequestID)
	}
}
