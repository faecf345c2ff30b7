package calls

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Source is how the topic is read.
type Source struct {
	Topic string
	// Span is all there is of it now.
	Span func(ctx context.Context) (Span, error)
	// Scan calls each for the records of the span. A record is each's until it returns.
	Scan func(ctx context.Context, s Span, each func(*pipeline.Record) error) error
}

// Span is a part of the topic: of every partition of To, the records from From up to, and without, To.
type Span struct {
	ID       string // of the topic: another one of the same name does not have it; "" where brokers give none
	From, To map[int32]int64
}

// History is the calls of all instances as their topic has them. It remembers figures only, reads only while a page looks,
// and everything it does is bounded: what it remembers, what it reads to go back, and how long one look may take.
type History struct {
	source Source

	reading sync.Mutex // held by the one who reads
	seen    Span       // guarded by reading: what of the topic has been read
	read    int        // bytes read to go back

	mu      sync.Mutex
	entries []*Entry // the oldest first, by time
	reached bool     // the beginning of the topic, or as far back as it goes
}

// NewHistory makes an empty one.
func NewHistory(s Source) *History { return &History{source: s} }

const (
	mostRemembered = 10_000
	mostReadBack   = 64 << 20 // bytes read to go back
	stepBack       = 64       // records of a partition in one step back
	farBehind      = 2000     // records of a partition that are passed over rather than read one by one
	lookBackFor    = 400 * time.Millisecond
)

// Refresh reads what is new, and for a moment what is older. When another refresh is under way it returns at once.
func (h *History) Refresh(ctx context.Context) error {
	if !h.reading.TryLock() {
		return nil
	}
	defer h.reading.Unlock()
	began := time.Now()
	now, err := h.source.Span(ctx)
	if err != nil {
		return err
	}
	if h.isFarBehind(now) {
		h.restart(now)
	}
	if err := h.take(ctx, h.seen.To, now.To); err != nil {
		return err
	}
	h.seen.To = now.To
	for h.goesBack(now.From) {
		if err := h.back(ctx, now.From); err != nil {
			return err
		}
		if time.Since(began) > lookBackFor {
			break
		}
	}
	return nil
}

// isFarBehind reports whether to begin again at the end: nothing has been read, the topic was made again, a partition is new,
// or so much has come since that reading it all would cost too much.
func (h *History) isFarBehind(now Span) bool {
	for id, end := range now.To {
		if at, known := h.seen.To[id]; !known || end < at || end-at > farBehind {
			return true
		}
	}
	return now.ID != h.seen.ID
}

func (h *History) restart(now Span) {
	h.seen, h.read = Span{ID: now.ID, From: maps.Clone(now.To), To: maps.Clone(now.To)}, 0
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries, h.reached = nil, false
}

// goesBack reports whether there is more to read that is older.
func (h *History) goesBack(starts map[int32]int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	older := false
	for id, at := range h.seen.From {
		older = older || at > starts[id]
	}
	h.reached = !older || h.read >= mostReadBack || len(h.entries) >= mostRemembered
	return !h.reached
}

func (h *History) back(ctx context.Context, starts map[int32]int64) error {
	from := before(h.seen.From, starts, stepBack)
	if err := h.take(ctx, from, h.seen.From); err != nil {
		return err
	}
	h.seen.From = from
	return nil
}

// before is a number of records further back, as far as there are any.
func before(at, starts map[int32]int64, records int64) map[int32]int64 {
	from := map[int32]int64{}
	for id, offset := range at {
		from[id] = min(offset, max(starts[id], offset-records))
	}
	return from
}

// take reads a part of the topic and remembers its calls' figures.
func (h *History) take(ctx context.Context, from, to map[int32]int64) error {
	if maps.Equal(from, to) {
		return nil
	}
	var list []*Entry
	err := h.source.Scan(ctx, Span{h.seen.ID, from, to}, func(r *pipeline.Record) error {
		h.read += len(r.Value)
		if e, err := readFigures(r); err == nil { // else a record of another program
			list = append(list, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	h.remember(list)
	return nil
}

func (h *History) remember(list []*Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Concat(h.entries, list) // readers may have the old ones: they stay as they are
	slices.SortStableFunc(all, func(x, y *Entry) int { return x.Time.Compare(y.Time) })
	h.entries = slices.Clone(all[max(0, len(all)-mostRemembered):])
}

// Last returns the newest calls that match, newest first, at most n; sync "" means all, match nil every call. They have
// figures only; Open reads one whole.
func (h *History) Last(sync string, n int, match func(*Entry) bool) []*Entry {
	h.mu.Lock()
	all := h.entries
	h.mu.Unlock()
	var found []*Entry
	for _, e := range slices.Backward(all) {
		if len(found) == n {
			break
		}
		if (sync == "" || sync == e.Sync) && (match == nil || match(e)) {
			found = append(found, e)
		}
	}
	return found
}

// Missed is how many calls of the instances whose calls are remembered were never written. Those of the process without are
// left out: it knows better.
func (h *History) Missed(without string) (n int64) {
	h.mu.Lock()
	all := h.entries
	h.mu.Unlock()
	for _, e := range all {
		if e.Origin.Run != without {
			n += e.Origin.Missed
		}
	}
	return n
}

// Reached reports whether the history goes back as far as it will; until then every Refresh reads more.
func (h *History) Reached() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reached
}

// Open reads the call at a place of the topic; nil when it is not there (any more).
func (h *History) Open(ctx context.Context, partition int32, offset int64) (found *Entry, err error) {
	all, err := h.source.Span(ctx)
	if end, there := all.To[partition]; err != nil || !there || offset < 0 || offset >= end {
		return nil, err
	}
	err = h.source.Scan(ctx, Span{all.ID, map[int32]int64{partition: offset}, map[int32]int64{partition: offset + 1}}, func(r *pipeline.Record) error {
		if e, err := read(r); err == nil && r.Offset == offset {
			found = e
		}
		return nil
	})
	return found, err
}
