package delivery

import (
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// delivery is one call of Deliver: a chunk's rows on their way. Queue.mu guards it, except reading.
type delivery struct {
	chunk *pipeline.Chunk
	items *pipeline.Items
	came  time.Time
	span  tracing.Chunk // where tracing is on

	open   []int32                      // per row: its items that have not ended
	faults map[int32]*pipeline.Rejected // rows that have letters: rejected before, or with an item that was refused
	rows   int                          // rows with items that have not settled
	count  int                          // items taken in
	done   chan struct{}                // closed when rows is 0

	gone    bool           // Deliver is leaving: nothing of the chunk is sent any more
	left    bool           // Deliver has returned: items must not be touched
	late    bool           // a call that carried its items ended without TikTok's answer
	calls   int            // calls in flight that carry its items
	idle    chan struct{}  // closed when it is gone and has no calls in flight
	reading sync.WaitGroup // requests being written from items.Buf; none may be when Deliver returns
}

// entry is one item on its way. Its delivery says where its bytes are.
type entry struct {
	d    *delivery
	item int32
}

func (e entry) row() int32   { return e.d.items.List[e.item].Row }
func (e entry) body() []byte { return e.d.items.Body(int(e.item)) }
func (e entry) size() int    { return len(e.body()) + 1 } // in a request: a comma follows

func (e entry) position(id string) pipeline.Position {
	r := &e.d.chunk.Records[e.row()]
	return pipeline.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, EventID: id}
}

// newDelivery takes in the items of rows that have not settled yet: a chunk handed out again repeats nothing.
func newDelivery(c *pipeline.Chunk, items *pipeline.Items) *delivery {
	d := &delivery{chunk: c, items: items, came: time.Now(), done: make(chan struct{}), open: make([]int32, len(c.Records))}
	for _, it := range items.List {
		switch {
		case d.open[it.Row] > 0:
			d.open[it.Row]++
		case c.Settled(int(it.Row)) == pipeline.Unsettled:
			d.open[it.Row]++
			d.rows++
		default:
			continue
		}
		d.count++
	}
	for i := range items.Rejected {
		d.fault(&items.Rejected[i])
	}
	return d
}

// fault notes why a row ends in the dead letters. The first reason counts; it reports whether this is it.
func (d *delivery) fault(r *pipeline.Rejected) (first bool) {
	if d.faults == nil {
		d.faults = map[int32]*pipeline.Rejected{}
	}
	if before := d.faults[r.Row]; before != nil {
		before.Refused = before.Refused || r.Refused
		return false
	}
	d.faults[r.Row] = r
	return true
}

// reject notes why a row cannot be delivered. The first of its refused items speaks for it; it reports whether this is it.
func (d *delivery) reject(row int32, r *pipeline.Rejection) (first bool) {
	return d.fault(&pipeline.Rejected{Row: row, Rejection: r, Refused: true})
}

// settle ends a row.
func (d *delivery) settle(row int32, o pipeline.Outcome) (first bool) {
	first = d.chunk.Settle(int(row), o)
	if d.rows--; d.rows == 0 {
		close(d.done)
	}
	return first
}
