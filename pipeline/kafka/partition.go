package kafka

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Offer hands a chunk over. It may block; it returns without a ticket (both channels nil) when ctx ends first. ctx is
// also the context the chunk is handled in: it outlives the consumer's Run and ends when the partition is no longer
// ours or the drain deadline has passed.
type Offer = func(ctx context.Context, c *pipeline.Chunk) pipeline.Ticket

// partition hands the records of one partition over, chunk by chunk in their order, and knows how far they have
// settled without a gap. Its goroutine owns the inFlight and waits for the oldest one only: that is the low watermark.
// The consumer calls add, stop, fence and the readers of the fields under mu.
type partition struct {
	topic  string
	id     int32
	client *kgo.Client     // whose group has given it to us
	flow   *flow           // shared by all partitions of the consumer
	ctx    context.Context // the handling of its chunks
	cancel context.CancelFunc

	wake     chan struct{} // records were added
	stopping chan struct{} // closed by stop: hand nothing over any more
	drained  chan struct{} // closed when nothing more will settle in order
	ended    chan struct{} // closed when every handler has ended too
	stopOnce sync.Once

	inFlight []chunkInFlight // owned by run, oldest first

	mu            sync.Mutex
	topicID       string        // of the topic that its offsets are of: one that is created again has another; "" unknown
	pending       []*kgo.Record // fetched, not in a chunk yet
	held          int64         // weight of pending and inFlight
	next          kgo.EpochOffset
	committed     int64     // -1 when it is to be committed whatever next is
	fetchedTo     int64     // offset after the last record given to us, or where reading begins; -1 unknown
	skipTo        int64     // where to go on once nothing is in flight: retention removed what was before; 0: nowhere else
	end           int64     // end of what can be read of the partition, as Kafka last said; -1 unknown
	asked         asked     // what Kafka said when it was last asked for the ends
	stuck         bool      // nothing came between two looks at the ends, though there is more
	openSince     time.Time // since when an open transaction has held the partition; zero: none does
	headSince     time.Time
	oldest        time.Time // Kafka timestamp of the oldest record that has not settled; zero when none is held
	newest        time.Time // Kafka timestamp of the last settled record; zero when unknown
	paused        bool
	handed        int       // rows handed over that have not settled, as far as this goroutine has seen
	waiting       int       // rows of chunks that were held when the partition was given up: they are not in handed any more
	settled       int       // rows settled since the last commit
	inTransaction bool      // a transaction commits its oldest chunk, or has and the chunk has not settled yet: no plain commit may come between
	lookAgain     time.Time // until then it is held for a batch that cannot be read; zero: it is not
	offered       int       // of them: in the commit that is under way
}

// chunkInFlight is a chunk that was handed over and has not settled in order.
type chunkInFlight struct {
	chunk  *pipeline.Chunk
	ticket pipeline.Ticket
	next   kgo.EpochOffset // what to commit once it has settled
	weight int64
	tries  int
}

func newPartition(topic string, id int32, f *flow) *partition {
	p := &partition{
		topic: topic, id: id, flow: f,
		wake: make(chan struct{}, 1), stopping: make(chan struct{}), drained: make(chan struct{}), ended: make(chan struct{}),
		next: kgo.EpochOffset{Epoch: -1, Offset: -1}, committed: -1, fetchedTo: -1, end: -1, asked: asked{position: -1},
	}
	p.ctx, p.cancel = context.WithCancel(pipeline.WithLeaving(context.Background(), p.stopping))
	return p
}

func (p *partition) key() topicPartition { return topicPartition{p.topic, p.id} }

// run works until stop, then waits for what is in flight, first in order, then, once fenced, for the stragglers.
func (p *partition) run() {
	defer close(p.ended)
	p.work()
	p.drain()
	close(p.drained)
	p.straggle()
}

func (p *partition) work() {
	for {
		p.fill()
		head := p.head()
		select {
		case <-p.stopping:
			return
		case <-p.wake:
		case <-head.ticket.Acked:
			p.settle()
		case <-head.ticket.Nacked:
			p.again(&p.inFlight[0], p.stopping)
		}
	}
}

func (p *partition) head() chunkInFlight {
	if len(p.inFlight) == 0 {
		return chunkInFlight{}
	}
	return p.inFlight[0]
}

// fill hands chunks over while the window has room and records wait.
func (p *partition) fill() {
	for len(p.inFlight) < p.flow.window && !p.isStopping() {
		records, weight := p.take()
		if len(records) == 0 {
			p.skip()
			return
		}
		rows, next := withoutMarkers(records)
		if len(rows) == 0 {
			p.pass(next, weight)
			continue
		}
		f, size := newChunkInFlight(rows, next, weight)
		p.flow.metrics.handedOut(p.topic, len(f.chunk.Records), size)
		p.count(len(f.chunk.Records))
		f.ticket = p.flow.offer(p.ctx, f.chunk)
		p.inFlight = append(p.inFlight, f)
		if len(p.inFlight) == 1 {
			p.noteHead()
		}
	}
}

// again hands a chunk over once more, after a pause that unless cuts short. Those behind it stay as they are.
func (p *partition) again(f *chunkInFlight, unless <-chan struct{}) {
	pause := time.NewTimer(backoff(f.tries))
	defer pause.Stop()
	select {
	case <-pause.C:
		f.tries++
		f.ticket = p.flow.offer(p.ctx, f.chunk)
	case <-unless:
	}
}

// settle takes the oldest chunk off: everything before its end has settled.
func (p *partition) settle() {
	head := p.inFlight[0]
	p.mu.Lock()
	p.next = head.next
	p.held -= head.weight
	p.settled += len(head.chunk.Records)
	p.leaveTransaction()
	p.newest = written(head.chunk.Records[len(head.chunk.Records)-1].Timestamp)
	p.mu.Unlock()
	p.count(-len(head.chunk.Records))
	p.flow.free(head.weight)
	signal(p.flow.settled)
	p.inFlight = slices.Delete(p.inFlight, 0, 1)
	p.noteHead()
}

// pass moves on past offsets that hold no rows: with the last chunk in flight, or at once.
func (p *partition) pass(next kgo.EpochOffset, weight int64) {
	if n := len(p.inFlight); n > 0 {
		p.inFlight[n-1].next = next
		p.inFlight[n-1].weight += weight
		return
	}
	p.mu.Lock()
	p.next = next
	p.held -= weight
	p.mu.Unlock()
	p.flow.free(weight)
}

// skip moves on past what retention removed.
func (p *partition) skip() {
	p.mu.Lock()
	to := p.skipTo
	p.skipTo = 0
	p.mu.Unlock()
	if to > 0 {
		p.pass(kgo.EpochOffset{Epoch: -1, Offset: to}, 0)
	}
}

func (p *partition) count(rows int) {
	p.mu.Lock()
	p.handed += rows
	p.mu.Unlock()
}

// noteHead keeps for others since when the oldest chunk waits, and how old it is.
func (p *partition) noteHead() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.headSince, p.oldest = time.Time{}, time.Time{}
	if len(p.inFlight) > 0 {
		p.headSince = time.Now()
		p.oldest = cmp.Or(written(p.inFlight[0].chunk.Records[0].Timestamp), p.headSince)
	}
}

// stop ends the handing over. It may be called more than once.
func (p *partition) stop() { p.stopOnce.Do(func() { close(p.stopping) }) }

func (p *partition) isStopping() bool {
	select {
	case <-p.stopping:
		return true
	default:
		return false
	}
}
