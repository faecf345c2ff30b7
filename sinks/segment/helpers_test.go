package segment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// loaded is a Config written as a user writes it.
func loaded(t testing.TB, text string) Config {
	t.Helper()
	var cfg Config
	report := settings.Load([]byte(text), &cfg, settings.Lookup{})
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		t.Fatalf("configuration: %v", err)
	}
	return cfg
}

func text(s string) pipeline.Value { return pipeline.StringValue([]byte(s)) }

func digest(clear string) string {
	sum := sha256.Sum256([]byte(clear))
	return hex.EncodeToString(sum[:])
}

// strict is a sandbox that refuses everything a good client never does, with one Partner audience. Adds and deletes of
// the same digest that are under way together are counted and not refused: two instances may come to that.
func strict(t testing.TB) (*sandbox.Sandbox, string) {
	t.Helper()
	refuse := slices.DeleteFunc(sandbox.Strict(), func(w sandbox.Warning) bool { return w == sandbox.InFlight })
	s := sandbox.New(sandbox.Config{Limits: sandbox.NoLimits(), Refuse: refuse})
	answer := postTo(s, "/segment/audience/", []byte(`{"advertiser_id":"`+sandbox.DefaultAdvertiser+`","action":"create","custom_audience_name":"Newsletter"}`))
	if answer.Code != 0 {
		t.Fatalf("create audience: %s", answer.Message)
	}
	return s, answer.Data.ID
}

type answer struct {
	Code    int
	Message string
	Data    struct {
		ID string `json:"audience_id"`
	}
}

func postTo(s *sandbox.Sandbox, endpoint string, body []byte) (a answer) {
	r, err := http.NewRequest(http.MethodPost, "http://sandbox/open_api/v1.3"+endpoint, bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Access-Token", sandbox.DefaultToken)
	resp, err := s.Transport().RoundTrip(r)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		panic(err)
	}
	return a
}

// queue delivers what it is given at once: a call per envelope, all at the same time. step is asked before and after
// each call; its error is a crash.
type queue struct {
	plan    *Plan
	sandbox *sandbox.Sandbox
	letters *letterBox
	step    func() error
	late    bool // a call has its effect whatever step says

	unanswered bool   // calls are taken for late
	alone      bool   // it serves one goroutine
	added      []byte // then, the first element that was added last
}

func (q *queue) Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	errs := make([]error, len(items.Envelopes))
	var calls sync.WaitGroup
	for i := range items.Envelopes {
		calls.Go(func() { errs[i] = q.call(items, int32(i)) })
	}
	calls.Wait()
	items.Late = q.unanswered
	if at := slices.Index(items.Envelopes, add); q.alone && at >= 0 {
		i := slices.IndexFunc(items.List, func(it pipeline.Item) bool { return it.Envelope == int32(at) })
		q.added = slices.Clone(items.Body(i))
	}
	failed := map[int32]bool{}
	for _, item := range items.List {
		failed[item.Row] = failed[item.Row] || errs[item.Envelope] != nil
	}
	for _, r := range items.Rejected {
		if !failed[r.Row] {
			_ = q.letters.Rows(ctx, []pipeline.Letter{{Record: &c.Records[r.Row], Rejection: r.Rejection, SchemaID: r.SchemaID}})
			c.Settle(int(r.Row), pipeline.DeadLettered)
		}
	}
	for row, bad := range failed {
		if !bad {
			c.Settle(int(row), pipeline.Delivered)
		}
	}
	return errors.Join(errs...)
}

func (q *queue) call(items *pipeline.Items, envelope int32) error {
	var bodies [][]byte
	for i, item := range items.List {
		if item.Envelope == envelope {
			bodies = append(bodies, items.Body(i))
		}
	}
	if err := q.step(); err != nil && !q.late {
		return err
	}
	a := postTo(q.sandbox, Endpoint, q.plan.AppendRequest(nil, items.Envelopes[envelope], bodies))
	if a.Code != 0 {
		return fmt.Errorf("%w: %d %s", errRefused, a.Code, a.Message)
	}
	return q.step()
}

var errRefused = errors.New("refused")

type ids []string

func (a ids) IDs(context.Context, string) ([]string, error) { return a, nil }

// letterBox takes letters.
type letterBox struct {
	mu      sync.Mutex
	letters []pipeline.Letter
}

func (g *letterBox) Rows(_ context.Context, letters []pipeline.Letter) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.letters = append(g.letters, letters...)
	return nil
}

func (g *letterBox) reasons() (list []pipeline.Reason) {
	for _, l := range g.letters {
		list = append(list, l.Rejection.Reason)
	}
	return list
}

// topic is the members topic: compacted, shared by instances.
type topic struct {
	mu         sync.Mutex
	partitions [4][]pipeline.Record
}

// log is the topic as one instance reaches it; step is asked before and after each write.
func (t *topic) log(step func() error) state.Log {
	return state.Log{
		Topic: "members",
		Ends: func(context.Context) (string, map[int32]int64, error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			ends := map[int32]int64{}
			for i, p := range t.partitions {
				ends[int32(i)] = int64(len(p))
			}
			return "", ends, step()
		},
		Read: func(_ context.Context, _ string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			t.mu.Lock()
			defer t.mu.Unlock()
			for _, id := range slices.Sorted(maps.Keys(to)) {
				for i := range t.partitions[id][from[id]:to[id]] {
					r := t.partitions[id][int(from[id])+i]
					if err := each(&r); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Produce: func(_ context.Context, records []pipeline.Record) []error {
			errs := make([]error, len(records))
			for i := range records {
				if errs[i] = step(); errs[i] == nil {
					t.append(&records[i])
				}
			}
			if err := step(); err != nil && len(errs) > 0 {
				errs[0] = err // written, and the caller got an error
			}
			return errs
		},
	}
}

func (t *topic) append(r *pipeline.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := fnv.New32a()
	h.Write(r.Key)
	id := int32(h.Sum32() % uint32(len(t.partitions)))
	kept := *r
	kept.Key, kept.Value = slices.Clone(r.Key), slices.Clone(r.Value)
	kept.Partition, kept.Offset = id, int64(len(t.partitions[id]))
	t.partitions[id] = append(t.partitions[id], kept)
}
