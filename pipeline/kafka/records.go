package kafka

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

const (
	maxChunk       = 1000
	maxChunkWeight = 4 << 20 // one larger record still makes a chunk
	perRecord      = 300     // memory a record takes beside its key, value and headers
	heartbeat      = 3 * time.Second
	topicsEvery    = 20 * time.Second // how often new topics and partitions are looked for
	firstBackoff   = 100 * time.Millisecond
	lastBackoff    = 30 * time.Second
)

// add queues fetched records. The caller has taken their weight from the budget.
func (p *partition) add(records []*kgo.Record, weight int64) {
	p.mu.Lock()
	p.pending = append(p.pending, records...)
	p.held += weight
	p.fetchedTo = records[len(records)-1].Offset + 1
	signal(p.wake)
	p.mu.Unlock()
}

// take is the next chunk's records and their weight: up to a thousand, at once, however few wait.
func (p *partition) take() ([]*kgo.Record, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n, weight := 0, int64(0)
	for n < len(p.pending) && n < p.flow.maxChunk && weight < maxChunkWeight {
		weight += weigh(p.pending[n])
		n++
	}
	taken := p.pending[:n:n]
	p.pending = p.pending[n:]
	if len(p.pending) == 0 {
		p.pending = nil
	}
	return taken, weight
}

// newChunkInFlight makes the chunk of taken records and counts its bytes; next is committed once it has settled. It clears the
// slice: the queue's array, which lives on, must not keep the records alive.
func newChunkInFlight(records []*kgo.Record, next kgo.EpochOffset, weight int64) (chunkInFlight, int) {
	chunk, size := newChunk(records)
	clear(records)
	return chunkInFlight{chunk: chunk, next: next, weight: weight}, size
}

// withoutMarkers leaves out the records that end transactions. It returns the offset after all of the records, too.
func withoutMarkers(records []*kgo.Record) ([]*kgo.Record, kgo.EpochOffset) {
	last := records[len(records)-1]
	next := kgo.EpochOffset{Epoch: last.LeaderEpoch, Offset: last.Offset + 1}
	return slices.DeleteFunc(records, func(r *kgo.Record) bool { return r.Attrs.IsControl() }), next
}

// newChunk copies the records' fields, never their bytes; all headers share one slab.
func newChunk(records []*kgo.Record) (*pipeline.Chunk, int) {
	headers, size := 0, 0
	for _, r := range records {
		headers += len(r.Headers)
		size += len(r.Key) + len(r.Value)
	}
	slab := make([]pipeline.Header, 0, headers)
	out := make([]pipeline.Record, len(records))
	for i, r := range records {
		start := len(slab)
		for _, h := range r.Headers {
			slab = append(slab, pipeline.Header{Key: h.Key, Value: h.Value})
		}
		out[i] = pipeline.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp,
			Key: r.Key, Value: r.Value, Headers: slab[start:len(slab):len(slab)]}
	}
	return pipeline.NewChunk(out), size
}

// weigh is what a record costs of the budget.
func weigh(r *kgo.Record) int64 {
	n := perRecord + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += 64 + len(h.Key) + len(h.Value)
	}
	return int64(n)
}

// backoff grows from a tenth of a second to half a minute, with jitter of a half, so that partitions that failed
// together do not come back together.
func backoff(tries int) time.Duration {
	return pipeline.Backoff{First: firstBackoff, Most: lastBackoff, Low: 0.5, High: 1}.After(tries)
}
