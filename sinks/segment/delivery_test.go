package segment

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
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

// realLetters takes the letters of the real delivery.
type realLetters struct{ letterBox }

func (b *realLetters) Batch(context.Context, pipeline.FailedBatch) error { return nil }

// answerTo sends a call to the sandbox without a network.
func answerTo(ctx context.Context, s *sandbox.Sandbox, endpoint string, body []byte) pipeline.Answer {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sandbox/open_api/v1.3"+endpoint, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Access-Token", sandbox.DefaultToken)
	resp, err := s.Transport().RoundTrip(r)
	if err != nil {
		return tiktok.Unanswered(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return tiktok.Classify(resp.StatusCode, text, err)
}

// withDelivery gives a scene the real queue, running until the test ends.
func (s *scene) withDelivery(t *testing.T) (letters *realLetters, calls *[]string) {
	letters, calls = &realLetters{}, &[]string{}
	var mu sync.Mutex
	maxItems, size := s.sink.plan.Limits()
	q := delivery.New(delivery.Config{MaxItems: maxItems, MaxBytes: size, Retry: settings.WithDefaults(delivery.Retry{})}, delivery.Deps{
		Sync: "newsletter", Endpoint: Endpoint, AppendRequest: s.sink.plan.AppendRequest,
		Post: func(ctx context.Context, body []byte) pipeline.Answer {
			return answerTo(ctx, s.sandbox, Endpoint, body)
		},
		Gate: delivery.NewGate(delivery.GateConfig{CallsInFlight: 8}), DeadLetters: letters,
		OnCall: func(c pipeline.Call) {
			mu.Lock()
			defer mu.Unlock()
			*calls = append(*calls, c.Envelope)
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = q.Run(ctx) }) // always nil
	t.Cleanup(func() { stop(); running.Wait() })
	s.sink.deps.Queue = q
	return letters, calls
}

func TestARowWithADeleteAndAnAddSettlesOnceBothAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, newsletter)
		_, calls := s.withDelivery(t)
		s.row(1, upsert("ann@x.org"))
		if got := s.row(1, upsert("new@x.org")); got != pipeline.Delivered {
			t.Errorf("got %v, want delivered", got)
		}
		s.holds("after the change", "new@x.org")
		if got := len(*calls); got != 3 || !slices.Contains(*calls, remove) {
			t.Errorf("calls: got %v, want an add, then a delete and an add", *calls)
		}
	})
}

func TestTheRowTikTokRefusesCostsItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, newsletter)
		letters, _ := s.withDelivery(t)
		s.sandbox.AddFault(sandbox.Fault{Endpoint: "/segment/mapping/", ID: digest("p3@x.org"), Code: 40002, Message: "refused"})
		var records []pipeline.Record
		for i := range 10 {
			records = append(records, s.record(i, int64(i)))
		}
		chunk := pipeline.NewChunk(records)
		var items pipeline.Items
		for i := range records {
			c := upsert("p" + string(rune('0'+i)) + "@x.org")
			c.Shape, c.Key = s.shape, records[i].Key
			if err := s.sink.plan.Maker().Make(&items, i, &c); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.sink.Deliver(t.Context(), chunk, &items); err != nil {
			t.Fatal(err)
		}
		for i := range records {
			want := pipeline.Delivered
			if i == 3 {
				want = pipeline.DeadLettered
			}
			if got := chunk.Settled(i); got != want {
				t.Errorf("row %d: got %v, want %v", i, got, want)
			}
		}
		if got, want := letters.reasons(), []pipeline.Reason{pipeline.RefusedByTikTok}; !slices.Equal(got, want) {
			t.Errorf("letters: got %v, want %v", got, want)
		}
		s.sandbox.ClearFaults()
		s.next = 100
		s.row(3, upsert("p3@x.org"))
		if got := len(s.sandbox.Members(s.target)["EMAIL_SHA256"]); got != 10 {
			t.Errorf("after the fault: TikTok holds %d, want 10", got)
		}
	})
}

// stalled is a Memory that fails while it is told to.
type stalled struct {
	Memory
	mu  sync.Mutex
	err error
}

func (m *stalled) set(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

func (m *stalled) Refresh(ctx context.Context) error {
	m.mu.Lock()
	err := m.err
	m.mu.Unlock()
	if err != nil {
		return err
	}
	return m.Memory.Refresh(ctx)
}

func TestAStateTopicThatIsAwayIsWaitedForAndShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, newsletter)
		memory := &stalled{Memory: s.sink.deps.Memory, err: errCrash}
		s.sink.deps.Memory, s.sink.deps.Status = memory, pipeline.NewStatus(time.Now)
		done := make(chan pipeline.Outcome, 1)
		go func() { done <- s.row(1, upsert("ann@x.org")) }()
		<-time.After(time.Minute)
		troubles := s.sink.deps.Status.Troubles("newsletter")
		if len(troubles) != 1 || troubles[0].Kind != pipeline.TroubleState {
			t.Errorf("status: got %v, want the state topic", troubles)
		}
		memory.set(nil)
		if got := <-done; got != pipeline.Delivered {
			t.Errorf("got %v, want delivered", got)
		}
		if troubles := s.sink.deps.Status.Troubles("newsletter"); len(troubles) != 0 {
			t.Errorf("status: got %v, want nothing", troubles)
		}
	})
}

func TestDeliverEndsWithItsContextAndLeavesRowsUnsettled(t *testing.T) {
	s := newScene(t, newsletter)
	s.sink.deps.Memory = &stalled{Memory: s.sink.deps.Memory, err: errCrash}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	chunk := pipeline.NewChunk([]pipeline.Record{s.record(1, 1)})
	var items pipeline.Items
	c := upsert("ann@x.org")
	c.Shape, c.Key = s.shape, chunk.Records[0].Key
	if err := s.sink.plan.Maker().Make(&items, 0, &c); err != nil {
		t.Fatal(err)
	}
	if err := s.sink.Deliver(ctx, chunk, &items); err == nil || chunk.Left() != 1 {
		t.Errorf("got %v and %d rows left, want an error and 1", err, chunk.Left())
	}
}

// vanished is an audience that an operator has to see to.
type vanished struct{}

func (vanished) IDs(context.Context, string) ([]string, error) {
	return nil, &pipeline.Trouble{Kind: pipeline.TroubleAudience, What: "it is gone at TikTok", Stop: true}
}

func TestWhatWaitsForAnAudienceThatIsGoneLeavesWithItsPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t, newsletter)
		s.sink.deps.Audiences = vanished{}
		leaving := make(chan struct{})
		time.AfterFunc(time.Hour, func() { close(leaving) })
		chunk := pipeline.NewChunk([]pipeline.Record{s.record(1, 1)})
		var items pipeline.Items
		c := upsert("ann@x.org")
		c.Shape, c.Key = s.shape, chunk.Records[0].Key
		if err := s.sink.plan.Maker().Make(&items, 0, &c); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := s.sink.Deliver(pipeline.WithLeaving(t.Context(), leaving), chunk, &items)
		if took := time.Since(began); !errors.Is(err, pipeline.ErrHeld) || took != time.Hour || chunk.Left() != 1 {
			t.Errorf("got %v after %v and %d rows left, want %v after an hour and 1", err, took, chunk.Left(), pipeline.ErrHeld)
		}
	})
}
