package kafka

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// handed is a chunk as a handler holds it.
type handed struct {
	ctx           context.Context
	chunk         *pipeline.Chunk
	acked, nacked chan struct{}
}

func (h *handed) ack() {
	for i := range h.chunk.Records {
		h.chunk.Settle(i, pipeline.Delivered)
	}
	close(h.acked)
}

func (h *handed) nack() { close(h.nacked) }

// handler is an Offer that gives every chunk to the test.
type handler chan *handed

// ackAll acks what comes, until ctx ends.
func (o handler) ackAll(ctx context.Context) {
	for {
		select {
		case h := <-o:
			h.ack()
		case <-ctx.Done():
			return
		}
	}
}

func (o handler) offer(ctx context.Context, c *pipeline.Chunk) pipeline.Ticket {
	h := &handed{ctx: ctx, chunk: c, acked: make(chan struct{}), nacked: make(chan struct{})}
	select {
	case o <- h:
		return pipeline.Ticket{Acked: h.acked, Nacked: h.nacked}
	case <-ctx.Done():
		return pipeline.Ticket{}
	}
}

func startPartition(offer Offer, window int) *partition {
	f := newFlow(ConsumerOptions{Window: window, MaxChunk: 10}.withDefaults(), 1<<20)
	f.offer = offer
	p := newPartition("t", 0, f)
	go p.run()
	return p
}

// records are n records from an offset on.
func records(from, n int) []*kgo.Record {
	rs := make([]*kgo.Record, n)
	for i := range rs {
		rs[i] = &kgo.Record{Topic: "t", Offset: int64(from + i), Value: []byte(strconv.Itoa(from + i))}
	}
	return rs
}

func give(p *partition, rs []*kgo.Record) {
	weight := int64(0)
	for _, r := range rs {
		weight += weigh(r)
	}
	p.flow.use(len(rs), weight)
	p.add(rs, weight)
}

func (p *partition) nextOffset() int64 {
	next, _ := p.due()
	return next.Offset
}

func end(p *partition) {
	p.stop()
	p.cancel()
	<-p.ended
}

func TestALaterChunkThatSettlesFirstIsNotCommittedBeforeTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(handler)
		p := startPartition(chunks.offer, 4)
		give(p, records(100, 20))
		first, second := <-chunks, <-chunks
		second.ack()
		synctest.Wait()
		if got := p.nextOffset(); got != -1 {
			t.Errorf("with the oldest chunk unsettled: commits %d, want nothing", got)
		}
		first.ack()
		synctest.Wait()
		if got := p.nextOffset(); got != 120 {
			t.Errorf("with both settled: commits %d, want 120", got)
		}
		end(p)
	})
}

func TestANackedChunkComesAgainAfterAPauseThatGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(handler)
		p := startPartition(chunks.offer, 1)
		give(p, records(0, 5))
		h := <-chunks
		chunk := h.chunk
		for try := range 12 {
			start := time.Now()
			h.nack()
			h = <-chunks
			if h.chunk != chunk {
				t.Fatalf("try %d: got %v, want the same chunk %v", try, h.chunk, chunk)
			}
			least, most := min(firstBackoff<<try, lastBackoff)/2, min(firstBackoff<<try, lastBackoff)+time.Millisecond
			if waited := time.Since(start); waited < least || waited > most {
				t.Errorf("try %d: waited %s, want %s to %s", try, waited, least, most)
			}
		}
		h.ack()
		synctest.Wait()
		if got := p.nextOffset(); got != 5 {
			t.Errorf("commits %d, want 5", got)
		}
		end(p)
	})
}

func TestStoppingHandsNothingOverAndWaitsForWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(handler)
		p := startPartition(chunks.offer, 2)
		give(p, records(0, 50))
		first, second := <-chunks, <-chunks
		p.stop()
		first.ack()
		synctest.Wait()
		select {
		case h := <-chunks:
			t.Fatalf("handed over %v after stop", h.chunk)
		case <-p.drained:
			t.Fatal("drained with a chunk in flight")
		default:
		}
		second.ack()
		<-p.drained
		if got := p.nextOffset(); got != 20 {
			t.Errorf("commits %d, want 20", got)
		}
		<-p.ended
		if p.flow.used != 0 {
			t.Errorf("budget: %d still used, want 0", p.flow.used)
		}
	})
}

func TestAChunkNackedWhileStoppingComesAgainUntilTheFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(handler)
		p := startPartition(chunks.offer, 2)
		give(p, records(0, 30))
		first, second := <-chunks, <-chunks
		p.stop()
		first.nack()
		first = <-chunks
		first.ack()
		synctest.Wait()
		if got := p.nextOffset(); got != 10 {
			t.Errorf("commits %d, want 10", got)
		}
		second.nack()
		synctest.Wait() // it is in its pause
		p.cancel()
		<-p.ended
		if got := p.nextOffset(); got != 10 {
			t.Errorf("commits %d after the fence, want 10", got)
		}
		if got := p.unsettled(); got != 10 {
			t.Errorf("unsettled rows: %d, want the 10 of the nacked chunk", got)
		}
	})
}

func TestAfterTheFenceHandlersAreToldToEndAndNothingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(handler)
		p := startPartition(chunks.offer, 2)
		counts := metrics.New()
		own := counting(counts)
		p.flow.metrics = own
		give(p, records(0, 20))
		first, second := <-chunks, <-chunks
		p.stop()
		p.cancel()
		<-first.ctx.Done()
		<-p.drained
		for row := range first.chunk.Records {
			first.chunk.Settle(row, pipeline.Delivered)
		}
		first.ack()
		second.nack()
		<-p.ended
		if got := p.nextOffset(); got != -1 {
			t.Errorf("commits %d after the fence, want nothing", got)
		}
		if got := counted(t, counts, "tokrelay_records_repeated_total"); got != 10 {
			t.Errorf("records that are repeated: %v, want the 10 of the chunk that settled too late", got)
		}
	})
}

func TestAnOfferThatIsNotTakenEndsWithThePartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startPartition(make(handler).offer, 1)
		give(p, records(0, 20))
		synctest.Wait()
		end(p)
		if p.flow.used != 0 {
			t.Errorf("budget: %d still used, want 0", p.flow.used)
		}
	})
}

func TestChunksTakeWhatIsThereUpToTheirLimits(t *testing.T) {
	big := make([]byte, maxChunkWeight/2)
	cases := []struct {
		name   string
		values [][]byte
		want   []int
	}{
		{"few records make a small chunk at once", [][]byte{{1}, {2}}, []int{2}},
		{"many records are cut at the limit", make([][]byte, 25), []int{10, 10, 5}},
		{"large records are cut by their weight", [][]byte{big, big, big}, []int{2, 1}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := newPartition("t", 0, &flow{maxChunk: 10})
			for i, v := range c.values {
				p.pending = append(p.pending, &kgo.Record{Offset: int64(i), Value: v})
			}
			for _, want := range c.want {
				if got, _ := p.take(); len(got) != want {
					t.Errorf("got a chunk of %d, want %d", len(got), want)
				}
			}
		})
	}
}

func TestAChunkKeepsNilAndEmptyApart(t *testing.T) {
	chunk, size := newChunk([]*kgo.Record{
		{Topic: "t", Partition: 3, Offset: 7, Key: []byte("k"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
		{Topic: "t", Partition: 3, Offset: 8, Value: []byte{}, Headers: []kgo.RecordHeader{{Key: "c", Value: []byte("3")}}},
	})
	if size != 1 {
		t.Errorf("bytes: got %d, want 1", size)
	}
	if r := chunk.Records[0]; r.Value != nil || len(r.Headers) != 2 || r.Headers[1].Value != nil {
		t.Errorf("tombstone: got value %v and %d headers", r.Value, len(r.Headers))
	}
	if r := chunk.Records[1]; r.Value == nil || len(r.Headers) != 1 || r.Headers[0].Key != "c" {
		t.Errorf("empty value: got nil or wrong headers")
	}
	if chunk.Topic != "t" || chunk.Partition != 3 {
		t.Errorf("stands at %v, want t/3", chunk)
	}
}

// Kafka's timestamp of a record without one is -1, which is a moment of 1969.
func TestARecordWithoutATimestampIsAsOldAsItHasWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		chunks := make(handler)
		p := startPartition(chunks.offer, 1)
		p.end = 30
		rs := records(0, 20) // two chunks
		for _, r := range rs {
			r.Timestamp = time.UnixMilli(-1)
		}
		give(p, rs)
		h := <-chunks
		<-time.After(time.Minute)
		if _, age := p.lag(time.Now()); age != time.Minute {
			t.Errorf("in flight: %s old, want the minute that it has waited", age)
		}
		h.ack()
		h = <-chunks
		synctest.Wait()
		h.ack()
		synctest.Wait()
		if _, age := p.lag(time.Now()); age != 0 {
			t.Errorf("all settled: %s old, want 0: nothing is known of what comes", age)
		}
		end(p)
	})
}

// TestTheWatermarkNeverPassesAnUnsettledRow throws random outcomes at a partition: chunks are acked and nacked in any
// order and after any time, while records keep coming.
func TestTheWatermarkNeverPassesAnUnsettledRow(t *testing.T) {
	for seed := range uint64(200) {
		t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { watermarkLaw(t, seed) })
		})
	}
}

func watermarkLaw(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	total, window := 1+rng.IntN(300), 1+rng.IntN(6)
	w := &whims{t: t, rng: rand.New(rand.NewPCG(seed, 2)), window: window, settled: make([]bool, total), chunks: make(handler), stop: make(chan struct{})}
	p := startPartition(w.chunks.offer, window)
	w.handlers.Go(w.run)
	for given := 0; given < total; {
		n := min(1+rng.IntN(60), total-given)
		give(p, records(given, n))
		given += n
		w.watch(p, time.Second)
	}
	for p.nextOffset() < int64(total) {
		w.watch(p, time.Second)
	}
	close(w.stop)
	end(p)
	w.handlers.Wait()
	if p.flow.used != 0 || p.unsettled() != 0 {
		t.Errorf("at rest: %d of the budget used, %d rows unsettled; want none", p.flow.used, p.unsettled())
	}
}

// whims settles chunks as chance will have it.
type whims struct {
	t        *testing.T
	rng      *rand.Rand // of run's goroutine
	window   int
	chunks   handler
	stop     chan struct{}
	handlers sync.WaitGroup

	mu       sync.Mutex
	settled  []bool
	inFlight int
}

func (w *whims) run() {
	for {
		select {
		case h := <-w.chunks:
			w.took(1)
			wait, good := time.Duration(w.rng.IntN(3000))*time.Millisecond, w.rng.IntN(4) > 0
			w.handlers.Go(func() { w.handle(h, wait, good) })
		case <-w.stop:
			return
		}
	}
}

func (w *whims) took(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inFlight += n; w.inFlight > w.window {
		w.t.Errorf("%d chunks in flight, window %d", w.inFlight, w.window)
	}
}

func (w *whims) handle(h *handed, wait time.Duration, good bool) {
	<-time.After(wait)
	w.took(-1)
	if !good {
		h.nack()
		return
	}
	w.mu.Lock()
	for _, r := range h.chunk.Records {
		w.settled[r.Offset] = true
	}
	w.mu.Unlock()
	h.ack()
}

// watch lets time pass and checks the law all along.
func (w *whims) watch(p *partition, d time.Duration) {
	for range 5 {
		<-time.After(d / 5)
		synctest.Wait()
		next := p.nextOffset()
		w.mu.Lock()
		for o := range next {
			if !w.settled[o] {
				w.t.Errorf("commits %d although %d has not settled", next, o)
			}
		}
		w.mu.Unlock()
	}
}
