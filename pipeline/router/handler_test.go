package router

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// chunkOf n rows whose values are their numbers.
func numbers(from, n int) *pipeline.Chunk {
	rs := make([]pipeline.Record, n)
	for i := range rs {
		rs[i] = pipeline.Record{Topic: "t", Offset: int64(from + i), Value: []byte(strconv.Itoa(from + i))}
	}
	return pipeline.NewChunk(rs)
}

// bench is a sync whose every part the test can change.
type bench struct {
	Sync
	status *pipeline.Status
	log    lines

	mu        sync.Mutex
	decoded   map[string]int // how often
	delivered []string
	written   map[string]*pipeline.Rejection
	decode    func(row int) error // the test's own outcome of a row
	deliver   func(*pipeline.Chunk) error
	refuse    func() error
	tickets   chan pipeline.Ticket
	chunks    chan *pipeline.Chunk
	leaving   chan struct{} // closed when the partition is given up
}

// lines is a log that may be read while it is written: Watermill logs its end after Run has returned.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newBench() *bench {
	b := &bench{status: pipeline.NewStatus(time.Now), decoded: map[string]int{}, written: map[string]*pipeline.Rejection{},
		tickets: make(chan pipeline.Ticket, 100), chunks: make(chan *pipeline.Chunk, 100)}
	b.Sync = Sync{Name: "orders", Topic: "t", Source: b.source, NewSteps: b.steps, Letters: b, Deliver: b.send}
	return b
}

// source hands over what the test puts into chunks; like the consumer, it ends the handling of what has not settled a
// second after its context.
func (b *bench) source(ctx context.Context, offer Offer) error {
	handling, cancel := context.WithCancel(pipeline.WithLeaving(context.Background(), b.leaving))
	defer cancel()
	var open []pipeline.Ticket
	for {
		select {
		case c := <-b.chunks:
			t := offer(handling, c)
			open = append(open, t)
			b.tickets <- t
		case <-ctx.Done():
			late := time.AfterFunc(time.Second, cancel)
			defer late.Stop()
			for _, t := range open {
				select {
				case <-t.Acked:
				case <-t.Nacked:
				}
			}
			return nil
		}
	}
}

func (b *bench) steps() pipeline.Steps {
	return pipeline.Steps{
		Decode: func(_ context.Context, r *pipeline.Record, into *pipeline.Change) error {
			into.Op, into.Key = pipeline.Insert, r.Value
			b.mu.Lock()
			b.decoded[string(r.Value)]++
			outcome := b.decode
			b.mu.Unlock()
			n, err := strconv.Atoi(string(r.Value))
			if err == nil && outcome != nil {
				err = outcome(n)
			}
			return err
		},
		Make: func(items *pipeline.Items, row int, c *pipeline.Change) error {
			start := len(items.Buf)
			items.Buf = append(items.Buf, c.Key...)
			items.List = append(items.List, pipeline.Item{Row: int32(row), Start: int32(start), End: int32(len(items.Buf))})
			return nil
		},
	}
}

func (b *bench) send(_ context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deliver != nil {
		if err := b.deliver(c); err != nil {
			return err
		}
	}
	for i, item := range items.List {
		if c.Settle(int(item.Row), pipeline.Delivered) {
			b.delivered = append(b.delivered, string(items.Body(i)))
		}
	}
	return nil
}

func (b *bench) Rows(ctx context.Context, letters []pipeline.Letter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		if err := b.refuse(); err != nil {
			return err
		}
	}
	for _, l := range letters {
		b.written[string(l.Record.Value)] = l.Rejection
	}
	return ctx.Err()
}

func (b *bench) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// run starts the router; the returned function ends it.
func (b *bench) run(t *testing.T) (*Router, func() error) {
	t.Helper()
	r, err := New(Options{Syncs: []Sync{b.Sync}, Status: b.status, Log: slog.New(slog.NewTextHandler(&b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	return r, func() error { stop(); return <-ended }
}

func (b *bench) handle(t *testing.T, c *pipeline.Chunk) {
	t.Helper()
	b.chunks <- c
	ticket := <-b.tickets
	select {
	case <-ticket.Acked:
	case <-ticket.Nacked:
		t.Errorf("%v was nacked", c)
	}
}

func TestTroubleIsWaitedOutAtTheRowWhereItHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		away := true
		b.decode = func(n int) error {
			if n == 3 && away {
				return &pipeline.Trouble{Kind: pipeline.TroubleRegistry, What: "fetch schema 7: connection refused"}
			}
			return nil
		}
		_, end := b.run(t)
		c := numbers(0, 6)
		b.chunks <- c
		ticket := <-b.tickets
		<-time.After(time.Minute)
		troubles := b.status.Troubles("orders")
		if len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleRegistry {
			t.Errorf("status: got %v, want the registry", troubles)
		}
		b.set(func() { away = false })
		<-ticket.Acked
		if left := b.status.Troubles("orders"); len(left) != 0 {
			t.Errorf("status afterwards: got %v, want nothing", left)
		}
		if b.decoded["2"] != 1 || b.decoded["3"] < 3 || b.decoded["4"] != 1 {
			t.Errorf("decoded %v, want only row 3 more than once", b.decoded)
		}
		if want := []string{"0", "1", "2", "3", "4", "5"}; !slices.Equal(b.delivered, want) {
			t.Errorf("delivered %v, want %v", b.delivered, want)
		}
		if len(b.written) != 0 {
			t.Errorf("%d rows were dead-lettered, want none", len(b.written))
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// A skipped row settles at once. That it did was once forgotten when the chunk's context ended at a later row of it.
func TestSkippedRowsCountAlsoWhenTheChunkEndsInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, m := newBench(), metrics.New()
		reg := metrics.OfSync(m, "orders")
		b.Metrics = NewMetrics(reg, metrics.NewRows(reg))
		b.decode = func(row int) error {
			if row == 0 {
				return pipeline.SkipTombstone
			}
			return &pipeline.Trouble{Kind: pipeline.TroubleRegistry}
		}
		_, stop := b.run(t)
		b.chunks <- numbers(0, 2)
		ticket := <-b.tickets
		stop()
		<-ticket.Nacked
		if c, err := m.Counts("orders"); err != nil || c.Settled[pipeline.Skipped] != 1 {
			t.Errorf("got %d settled as skipped, error %v; want 1", c.Settled[pipeline.Skipped], err)
		}
	})
}

func TestSeveralChunksInTheSameTroubleClearItTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		stuck := map[int]bool{0: true, 10: true}
		b.decode = func(n int) error {
			if stuck[n] {
				return &pipeline.Trouble{Kind: pipeline.TroubleRegistry, What: "away"}
			}
			return nil
		}
		_, end := b.run(t)
		b.chunks <- numbers(0, 2)
		b.chunks <- numbers(10, 2)
		first, second := <-b.tickets, <-b.tickets
		synctest.Wait()
		b.set(func() { delete(stuck, 0) })
		<-first.Acked
		if len(b.status.Troubles("orders")) != 1 {
			t.Error("the trouble was cleared although a chunk still waits")
		}
		b.set(func() { delete(stuck, 10) })
		<-second.Acked
		if len(b.status.Troubles("orders")) != 0 {
			t.Error("the trouble was not cleared")
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestAChunkThatComesAgainRepeatsNothingThatSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.decode = func(n int) error {
			switch n {
			case 1:
				return pipeline.SkipFiltered
			case 2:
				return pipeline.Reject(pipeline.StageDecode, pipeline.AvroDecode, "", "")
			}
			return nil
		}
		interrupted := errors.New("the drain deadline")
		b.deliver = func(c *pipeline.Chunk) error {
			c.Settle(3, pipeline.Delivered)
			return interrupted
		}
		_, end := b.run(t)
		c := numbers(0, 5)
		b.chunks <- c
		<-(<-b.tickets).Nacked
		b.set(func() { b.deliver = nil })
		b.handle(t, c)
		if want := []string{"0", "4"}; !slices.Equal(b.delivered, want) {
			t.Errorf("the second time delivered %v, want %v", b.delivered, want)
		}
		for row, want := range map[string]int{"0": 2, "1": 1, "2": 1, "3": 1, "4": 2} {
			if got := b.decoded[row]; got != want {
				t.Errorf("row %s decoded %d times, want %d", row, got, want)
			}
		}
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestADeliveryThatForgetsARowIsNotAcked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.Deliver = func(_ context.Context, c *pipeline.Chunk, _ *pipeline.Items) error {
			c.Settle(0, pipeline.Delivered)
			return nil
		}
		_, end := b.run(t)
		b.chunks <- numbers(0, 3)
		<-(<-b.tickets).Nacked
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if !strings.Contains(b.log.String(), "2 rows unsettled") {
			t.Errorf("log: got %s, want the fault", b.log.String())
		}
	})
}

func TestAChunkInFlightOutlivesTheIntake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		started := make(chan struct{})
		b.Deliver = func(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
			close(started)
			select {
			case <-time.After(500 * time.Millisecond):
				return b.send(ctx, c, items)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		_, end := b.run(t)
		b.chunks <- numbers(0, 3)
		ticket := <-b.tickets
		<-started
		if err := end(); err != nil {
			t.Errorf("Run: %v", err)
		}
		select {
		case <-ticket.Acked:
		default:
			t.Error("the chunk in flight was given up")
		}
	})
}

func TestRunReturnsWhatTheSourcesReturnAndOneThatCannotRunLeavesTheOthersAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad := newBench(), newBench()
		broken := errors.New("no such group")
		bad.Name, bad.Source = "broken", func(context.Context, Offer) error { return broken }
		status := pipeline.NewStatus(time.Now)
		r, err := New(Options{Syncs: []Sync{bad.Sync, good.Sync}, Status: status})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.Run(ctx) }()
		good.handle(t, numbers(0, 3))
		synctest.Wait() // the source that cannot run may be the last to say so
		if troubles := status.Troubles("broken"); len(troubles) != 1 || !troubles[0].Stop {
			t.Errorf("status: got %v, want a sync that stopped", troubles)
		}
		stop()
		if err := <-ended; !errors.Is(err, broken) {
			t.Errorf("Run: got %v, want the source's error", err)
		}
	})
}

func TestAPanicOutsideTheRowsNacksAndItsValueIsNotLogged(t *testing.T) {
	const clear = "jane@example.com"
	for _, where := range []string{"letters", "delivery"} {
		t.Run(where, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				b.decode = func(n int) error {
					if n == 0 {
						return pipeline.Reject(pipeline.StageDecode, pipeline.AvroDecode, "", "")
					}
					return nil
				}
				panics := true
				boom := func() error {
					if panics {
						panic(clear)
					}
					return nil
				}
				if where == "letters" {
					b.refuse = boom
				} else {
					b.deliver = func(*pipeline.Chunk) error { return boom() }
				}
				_, end := b.run(t)
				c := numbers(0, 3)
				b.chunks <- c
				<-(<-b.tickets).Nacked
				panics = false
				b.handle(t, c)
				if err := end(); err != nil {
					t.Errorf("Run: %v", err)
				}
				if log := b.log.String(); strings.Contains(log, clear) || !strings.Contains(log, "level=ERROR") {
					t.Errorf("log: got %s, want an error without the value", log)
				}
			})
		})
	}
}

func TestATruncatedTableIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.decode = func(row int) error {
			if row == 1 {
				return pipeline.SkipTruncate
			}
			return pipeline.SkipTombstone
		}
		_, stop := b.run(t)
		b.handle(t, numbers(0, 3))
		stop()
		if got := strings.Count(b.log.String(), "truncated"); got != 1 || !strings.Contains(b.log.String(), "records=1") {
			t.Errorf("got %d lines, want one of one record:\n%s", got, b.log.String())
		}
	})
}

// A source that has missed its deadline ends while chunks of its are handled. Watermill closes then, under a lock that the end of a
// handler waits for: in virtual time that stops the clock (truth seed 2882412197131121604).
func TestASourceThatEndsEarlyLeavesItsChunksTheTimeTheyTake(t *testing.T) {
	for range 300 { // which of the two comes first is chance
		synctest.Test(t, earlyEnd)
	}
}

func earlyEnd(t *testing.T) {
	b := newBench()
	b.Source = func(ctx context.Context, offer Offer) error {
		offer(context.Background(), numbers(0, 3))
		<-ctx.Done()
		return nil
	}
	handled := false
	b.Deliver = func(_ context.Context, c *pipeline.Chunk, _ *pipeline.Items) error {
		<-time.After(5 * time.Second)
		handled = true
		for i := range c.Records {
			c.Settle(i, pipeline.Delivered)
		}
		return nil
	}
	r, err := New(Options{Syncs: []Sync{b.Sync}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, stop)
	if err := r.Run(ctx); err != nil || !handled {
		t.Errorf("got %v, handled: %v; want the router to end once the chunk was handled", err, handled)
	}
}
