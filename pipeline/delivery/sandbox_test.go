package delivery_test

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// letters remembers dead letters by offset.
type letters struct {
	mu   sync.Mutex
	rows map[int64]*pipeline.Rejection
}

func (l *letters) Rows(_ context.Context, list []pipeline.Letter) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range list {
		l.rows[one.Record.Offset] = one.Rejection
	}
	return nil
}

func (l *letters) Batch(context.Context, pipeline.FailedBatch) error { return nil }

// stage is a queue that delivers to a sandbox.
type stage struct {
	*testing.T
	queue   *delivery.Queue
	letters letters

	told sync.Mutex
	took []string // items that the queue told of as accepted
}

func newStage(t *testing.T, client *tiktok.Client) *stage {
	s := &stage{T: t, letters: letters{rows: map[int64]*pipeline.Rejection{}}}
	s.queue = delivery.New(delivery.Config{MaxItems: 1000, MaxBytes: 1_000_000, Retry: settings.WithDefaults(delivery.Retry{})}, delivery.Deps{
		Sync: "purchases", Endpoint: "/event/track/", AppendRequest: appendEvents, DeadLetters: &s.letters,
		Gate: delivery.NewGate(delivery.GateConfig{CallsInFlight: 8}), Status: pipeline.NewStatus(time.Now),
		Post:     func(ctx context.Context, body []byte) pipeline.Answer { return client.Post(ctx, "/event/track/", body) },
		Accepted: s.accepted,
	})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.queue.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return s
}

func (s *stage) accepted(_ string, bodies iter.Seq[[]byte]) {
	s.told.Lock()
	defer s.told.Unlock()
	for body := range bodies {
		_, id, _ := bytes.Cut(body, []byte(`"event_id":"`))
		s.took = append(s.took, string(id[:len("ev000000")]))
	}
}

func appendEvents(dst []byte, pixel string, bodies [][]byte) []byte {
	dst = fmt.Appendf(dst, `{"event_source":"web","event_source_id":%q,"data":[`, pixel)
	return append(append(dst, bytes.Join(bodies, []byte(","))...), "]}"...)
}

// deliver makes a chunk of events for the sandbox's pixel, of which some have a price that TikTok refuses, and delivers it.
func (s *stage) deliver(first, n int, bad func(offset int) bool) *pipeline.Chunk {
	records, items := make([]pipeline.Record, n), &pipeline.Items{}
	for i := range records {
		records[i] = pipeline.Record{Topic: "orders", Offset: int64(first + i)}
		value := "9.5"
		if bad(first + i) {
			value = `"nine"`
		}
		start := int32(len(items.Buf))
		items.Buf = fmt.Appendf(items.Buf, `{"event":"Purchase","event_time":%d,"event_id":"`, time.Now().Unix())
		id := int32(len(items.Buf))
		items.Buf = fmt.Appendf(items.Buf, "ev%06d", first+i)
		idEnd := int32(len(items.Buf))
		items.Buf = fmt.Appendf(items.Buf, `","user":{"ttclid":"c"},"page":{"url":"https://shop.example/"},"properties":{"currency":"EUR","value":%s}}`, value)
		items.List = append(items.List, pipeline.Item{
			Row: int32(i), Start: start, End: int32(len(items.Buf)), IDStart: id, IDEnd: idEnd, Envelope: items.EnvelopeIndex([]byte(sandbox.DefaultPixel)),
		})
	}
	c := pipeline.NewChunk(records)
	if err := s.queue.Deliver(context.Background(), c, items); err != nil {
		s.Errorf("Deliver: %v", err)
	}
	return c
}

// check holds the sandbox's deduplicated set against the good rows, and the letters against the bad ones.
func (s *stage) check(box *sandbox.Sandbox, n int, bad func(offset int) bool) {
	s.Helper()
	var got, want []string
	for _, e := range box.Events() {
		got = append(got, e.ID)
	}
	for offset := range n {
		r := s.letters.rows[int64(offset)]
		if bad(offset) != (r != nil) {
			s.Errorf("row %d: dead letter %v, bad %v", offset, r, bad(offset))
		}
		if bad(offset) && (r == nil || r.Field != "value" || r.RequestID == "" || r.Reason != pipeline.RefusedByTikTok) {
			s.Errorf("row %d: got %+v, want TikTok's refusal of value", offset, r)
		}
		if !bad(offset) {
			want = append(want, fmt.Sprintf("ev%06d", offset))
		}
	}
	slices.Sort(got)
	if slices.Sort(s.took); !slices.Equal(s.took, want) {
		s.Errorf("the queue told of %d items that TikTok took, want the %d good rows, each once", len(s.took), len(want))
	}
	if !slices.Equal(got, want) {
		s.Errorf("TikTok holds %d events, want the %d good rows, each once", len(got), len(want))
	}
}

func TestTheSandboxHoldsTheGoodRowsOnce(t *testing.T) {
	box := sandbox.New(sandbox.Config{})
	server := httptest.NewServer(box)
	t.Cleanup(server.Close)
	client, err := tiktok.New(settings.WithDefaults(tiktok.Config{BaseURL: server.URL, Gzip: false}), tiktok.FixedToken(sandbox.DefaultToken))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s := newStage(t, client)
	bad := func(offset int) bool { return offset%97 == 5 }
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() { s.deliver(i*1000, 1000, bad) })
	}
	all.Wait()
	s.check(box, 6000, bad)
}

// Faults of every kind strike at random, under virtual time; the laws hold all the same.
func TestWhateverFaultsTheSandboxHasItHoldsTheGoodRowsOnce(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed+i, 2))
			box := sandbox.New(sandbox.Config{Limits: sandbox.NoLimits()})
			for range r.IntN(5) {
				box.AddFault(randomFault(r))
			}
			s := newStage(t, tiktok.NewOver(settings.WithDefaults(tiktok.Config{}), tiktok.FixedToken(sandbox.DefaultToken), box.Transport()))
			every := 20 + r.IntN(400)
			bad := func(offset int) bool { return offset%every == 7 }
			var all sync.WaitGroup
			for chunk := range 4 {
				all.Go(func() { s.deliver(chunk*100, 100, bad) })
			}
			all.Wait()
			s.check(box, 400, bad)
			if t.Failed() {
				t.Logf("run %d, faults %+v", i, box.Faults())
			}
		})
	}
}

// randomFault is trouble that passes.
func randomFault(r *rand.Rand) sandbox.Fault {
	kinds := []sandbox.Fault{
		{Code: 40100, Message: "Too many requests."}, {Code: 40132}, {Code: 40133}, {Code: 40016},
		{Code: 40105, Message: "Access token is incorrect or has been revoked."}, {Code: 40001, Message: "No permission"},
		{Code: 50000}, {Code: 51010}, {Code: 60001}, {HTTPStatus: http.StatusBadGateway}, {HTTPStatus: http.StatusNotFound},
		{Timeout: true}, {Reset: true}, {Timeout: true, Stage: sandbox.AfterEffect}, {Reset: true, Stage: sandbox.AfterEffect},
		{HTTPStatus: http.StatusGatewayTimeout, Stage: sandbox.AfterEffect}, {Code: 20001, Stage: sandbox.AfterEffect}, {Delay: 3 * time.Second},
	}
	f := kinds[r.IntN(len(kinds))]
	f.Count, f.Skip, f.Every = 1+r.IntN(30), r.IntN(4), r.IntN(3)
	if slices.Contains([]int{40100, 40132, 40133, 40016}, f.Code) {
		f.Count = min(f.Count, 8) // each may be an hour's hold, and TikTok knows an event_id for 48
	}
	return f
}

func TestARevokedTokenHoldsTheRowsUntilItsFileIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := sandbox.New(sandbox.Config{})
		s := newStage(t, tiktok.NewOver(settings.WithDefaults(tiktok.Config{}), tiktok.FixedToken("another-token"), box.Transport()))
		done := make(chan struct{})
		go func() { s.deliver(0, 10, func(int) bool { return false }); close(done) }()
		<-time.After(time.Hour)
		if got := box.Stats().Events.Accepted; got != 0 || len(s.letters.rows) > 0 {
			t.Errorf("with a wrong token: %d accepted, %d dead letters, want none", got, len(s.letters.rows))
		}
		box.GrantToken(sandbox.Token{Value: "another-token"})
		began := time.Now()
		<-done
		if got := time.Since(began); got > 30*time.Second {
			t.Errorf("went on after %v, want within 30 s", got)
		}
		s.check(box, 10, func(int) bool { return false })
	})
}
