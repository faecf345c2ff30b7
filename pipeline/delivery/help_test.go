package delivery

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// world is a queue with everything around it played by the test: TikTok answers what post says.
type world struct {
	*testing.T
	queue  *Queue
	gate   *Gate
	status *pipeline.Status
	post   func(call sent) pipeline.Answer
	dead   deadLetters
	stop   context.CancelFunc
	ended  chan struct{}

	mu    sync.Mutex
	calls []sent
	next  int64
	hooks []pipeline.Call
}

// sent is one call as TikTok saw it.
type sent struct {
	at       time.Time
	envelope string
	ids      []string
	ctx      context.Context
	rank     int // of all calls, from 0
}

type options struct {
	Config
	gate  *Gate
	name  string
	path  string
	calls bool
}

// newWorld makes one and runs its queue until the test ends.
func newWorld(t *testing.T, o options, post func(call sent) pipeline.Answer) *world {
	w := &world{T: t, post: post, status: pipeline.NewStatus(time.Now), gate: o.gate, ended: make(chan struct{})}
	if w.gate == nil {
		w.gate = NewGate(GateConfig{CallsInFlight: 8})
	}
	o.name = cmp.Or(o.name, "purchases")
	deps := Deps{
		Sync: o.name, Endpoint: cmp.Or(o.path, "/event/track/"), AppendRequest: appendRequest, Post: w.answer, Gate: w.gate,
		DeadLetters: &w.dead, Status: w.status,
	}
	if o.calls {
		deps.OnCall = w.onCall
	}
	o.MaxItems, o.MaxBytes, o.Retry = cmp.Or(o.MaxItems, 1000), cmp.Or(o.MaxBytes, 1_000_000), settings.WithDefaults(o.Retry)
	w.queue = New(o.Config, deps)
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() {
		defer close(w.ended)
		if err := w.queue.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	t.Cleanup(func() { stop(); <-w.ended })
	return w
}

// appendRequest writes `envelope|id,id`.
func appendRequest(dst []byte, envelope string, bodies [][]byte) []byte {
	dst = append(append(dst, envelope...), '|')
	for i, b := range bodies {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, b...)
	}
	return dst
}

func (w *world) answer(ctx context.Context, body []byte) pipeline.Answer {
	envelope, list, _ := strings.Cut(string(body), "|")
	w.mu.Lock()
	c := sent{time.Now(), envelope, strings.Split(list, ","), ctx, len(w.calls)}
	w.calls = append(w.calls, c)
	w.mu.Unlock()
	return w.post(c)
}

func (w *world) onCall(c pipeline.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c.Request = bytes.Clone(c.Request)
	w.hooks = append(w.hooks, c)
}

func (w *world) sent() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.calls)
}

// elapse lets the bubble's time pass.
func elapse(d time.Duration) { <-time.After(d) }

// chunk makes a chunk of n rows with one item each, named by their numbers, from 0 over the whole test.
func (w *world) chunk(n int) (*pipeline.Chunk, *pipeline.Items) { return w.chunkOf(n, "web") }

func (w *world) chunkOf(n int, envelope string) (*pipeline.Chunk, *pipeline.Items) {
	w.mu.Lock()
	defer w.mu.Unlock()
	records, items := make([]pipeline.Record, n), &pipeline.Items{}
	for i := range records {
		records[i] = pipeline.Record{Topic: "orders", Partition: 3, Offset: w.next}
		add(items, int32(i), strconv.FormatInt(w.next, 10), envelope)
		w.next++
	}
	return pipeline.NewChunk(records), items
}

// add appends an item that is its own id.
func add(items *pipeline.Items, row int32, id, envelope string) {
	start := int32(len(items.Buf))
	items.Buf = append(items.Buf, id...)
	end := int32(len(items.Buf))
	items.List = append(items.List, pipeline.Item{Row: row, Start: start, End: end, IDStart: start, IDEnd: end, Envelope: items.EnvelopeIndex([]byte(envelope))})
}

// deliver hands n rows over and waits until they are settled.
func (w *world) deliver(n int) *pipeline.Chunk {
	w.Helper()
	c, items := w.chunk(n)
	w.must(c, items)
	return c
}

func (w *world) must(c *pipeline.Chunk, items *pipeline.Items) {
	w.Helper()
	if err := w.queue.Deliver(context.Background(), c, items); err != nil {
		w.Errorf("Deliver: %v", err)
	}
}

// outcomes counts how a chunk's rows ended.
func outcomes(c *pipeline.Chunk) string {
	n := [4]int{}
	for i := range c.Records {
		n[c.Settled(i)]++
	}
	return fmt.Sprintf("%d delivered, %d dead-lettered, %d unsettled", n[pipeline.Delivered], n[pipeline.DeadLettered], n[pipeline.Unsettled])
}

func (w *world) wantOutcomes(c *pipeline.Chunk, want string) {
	w.Helper()
	if got := outcomes(c); got != want {
		w.Errorf("outcomes: got %s, want %s", got, want)
	}
}

// deadLetters remembers.
type deadLetters struct {
	mu      sync.Mutex
	letters []pipeline.Letter
	batches []pipeline.FailedBatch
}

func (d *deadLetters) Rows(ctx context.Context, letters []pipeline.Letter) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.letters = append(d.letters, letters...)
	return ctx.Err()
}

func (d *deadLetters) Batch(ctx context.Context, b pipeline.FailedBatch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.batches = append(d.batches, b)
	return ctx.Err()
}

// reasons tells the dead letters as `offset reason`.
func (d *deadLetters) reasons() []string {
	var list []string
	for _, l := range d.all() {
		list = append(list, fmt.Sprint(l.Record.Offset, " ", l.Rejection.Reason))
	}
	slices.Sort(list)
	return list
}

// all is a copy: a batch of a delivery that was left may still write letters.
func (d *deadLetters) all() []pipeline.Letter {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.letters)
}

var (
	yes      = pipeline.Answer{Verdict: pipeline.Accepted, HTTPStatus: 200}
	no       = pipeline.Answer{Verdict: pipeline.Refused, HTTPStatus: 200, Code: 40002, Message: "a value is wrong", RequestID: "r1"}
	away     = pipeline.Answer{Verdict: pipeline.Retry, HTTPStatus: 502, Message: "HTTP status 502"}
	tooOften = pipeline.Answer{Verdict: pipeline.Throttled, HTTPStatus: 200, Code: 40100, Scope: pipeline.ScopeEndpoint, Message: "Too many requests."}
	denied   = pipeline.Answer{Verdict: pipeline.Denied, HTTPStatus: 200, Code: 40105, Scope: pipeline.ScopeApp, Message: "Access token is incorrect."}
	broken   = pipeline.Answer{Verdict: pipeline.Broken, HTTPStatus: 404, Message: "HTTP status 404"}
)

// refusing says no to calls with one of the ids.
func refusing(ids ...string) func(sent) pipeline.Answer {
	return func(c sent) pipeline.Answer {
		if !slices.ContainsFunc(c.ids, func(id string) bool { return slices.Contains(ids, id) }) {
			return yes
		}
		return no
	}
}
