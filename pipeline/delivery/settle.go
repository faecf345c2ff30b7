package delivery

import (
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// accept settles what TikTok took. A row with other items is settled with the last of them.
func (b *batch) accept(t try) {
	delivered := 0
	b.queue.mu.Lock()
	for _, e := range t.sent {
		if row, last := b.close(e); last && e.d.settle(row, pipeline.Delivered) {
			delivered++
		}
	}
	b.queue.mu.Unlock()
	b.accepted += len(t.sent)
	b.queue.deps.Metrics.rows.Settled(pipeline.Delivered, delivered)
	if t.answer.Verdict == pipeline.Warned {
		b.warn(&t.answer)
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
		b.ends = append(b.ends, end{d, row, pipeline.Letter{Record: &d.chunk.Records[row], Rejection: fault}, e.position(fault.EventID)})
		return row, false
	}
	return row, true
}

// reject ends items that cannot be delivered.
func (b *batch) reject(out outcome, why pipeline.Reason) {
	b.queue.mu.Lock()
	defer b.queue.mu.Unlock()
	for _, e := range out.sent {
		if !e.d.left {
			e.d.reject(e.row(), b.rejection(e, &out.answer, why))
			b.close(e)
		}
	}
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
	if len(b.ends) == 0 {
		return
	}
	b.blameBatch()
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

// blameBatch finds the refusal that no single row explains: of several rows every one was refused, and no text named one.
func (b *batch) blameBatch() {
	if b.size < 2 || b.bad < b.size || b.accepted > 0 || b.named || b.suspect {
		return
	}
	for _, e := range b.ends {
		if e.Rejection.Reason == pipeline.RefusedByTikTok {
			e.Rejection.Reason = pipeline.BatchRefused
		}
	}
}

func (b *batch) failedRows() []end {
	return slices.DeleteFunc(slices.Clone(b.ends), func(e end) bool { return e.Rejection.Class() != pipeline.ClassFailed })
}

// record is the batch as the failed topic keeps it.
func (b *batch) record(failed []end) pipeline.FailedBatch {
	r := failed[len(failed)-1].Rejection
	f := pipeline.FailedBatch{
		ID: b.id, Endpoint: b.queue.deps.Endpoint, Reason: r.Reason, Attempts: b.calls,
		Answer: pipeline.Answer{HTTPStatus: r.HTTPStatus, Code: r.Code, Message: r.APIMessage, RequestID: r.RequestID, Item: -1},
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
