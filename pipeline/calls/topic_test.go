package calls_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const topic = "tokrelay.calls"

// instance is one tokrelay as far as calls go: its memory, what writes them to the topic, and what reads everybody's.
type instance struct {
	*calls.Log
	*calls.Recorder
	*calls.History
	admin *admin.Client
	stop  func()
}

// start starts an instance on the cluster, with the real clients as cmd joins them.
func start(t *testing.T, cluster *kfake.Cluster, name string) *instance {
	t.Helper()
	cfg, quiet := settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()}), slog.New(slog.DiscardHandler)
	client, err := admin.New(cfg, name, quiet)
	if err != nil {
		t.Fatal(err)
	}
	producer := kafka.NewProducer(cfg, name, quiet, nil)
	i := &instance{Log: calls.New(calls.Limits{Total: 12 << 20}, hidden), History: calls.NewHistory(source(client)), admin: client}
	i.Recorder = calls.NewRecorder(settings.WithDefaults(calls.Config{Topic: topic}), calls.RecorderDeps{Instance: name,
		Ensure: func(ctx context.Context) error {
			_, err := client.EnsureTopics(ctx, true, admin.Wanted{Name: topic, Retention: 7 * 24 * time.Hour, Bytes: 1 << 30, MaxMessageBytes: 4 << 20})
			return err
		},
		Produce: producer.Produce, TooLarge: tooLarge, Log: quiet})
	i.Tell(i.Offer)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); i.Run(ctx) }()
	i.stop = sync.OnceFunc(func() { cancel(); <-ended; producer.Close() })
	t.Cleanup(func() { i.stop(); client.Close() })
	return i
}

func tooLarge(err error) bool { _, ok := errors.AsType[*kafka.TooLarge](err); return ok }

// hidden scrubs more than the real one does.
func hidden(text string) string { return fmt.Sprintf("(%d bytes)", len(text)) }

func source(client *admin.Client) calls.Source {
	return calls.Source{Topic: topic,
		Span: func(ctx context.Context) (calls.Span, error) {
			all, err := client.All(ctx, topic)
			return calls.Span{ID: all.IDs[topic], From: all.From[topic], To: all.To[topic]}, err
		},
		Scan: func(ctx context.Context, s calls.Span, each func(*pipeline.Record) error) error {
			return client.Scan(ctx, admin.Range{From: admin.Offsets{topic: s.From}, To: admin.Offsets{topic: s.To}, IDs: map[string]string{topic: s.ID}}, each)
		},
	}
}

func broker(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// made is a call of one item with everything that TikTok takes in clear in it.
func made(sync, eventID string, offset int64) pipeline.Call {
	quoted, _ := json.Marshal(eventID)
	return pipeline.Call{Time: time.Now(), Sync: sync, Endpoint: "/event/track/", Items: 1, Attempt: 2, Batch: "b1-7.0",
		Request: []byte(`{"event_source":"web","data":[{"event":"Purchase","event_id":` + string(quoted) + `,"user":{"email":"` + strings.Repeat("ab", 32) +
			`","ip":"203.0.113.9","user_agent":"Marked \"Browser\" 1.0","ttclid":"marked-click"},"page":{"url":"https://shop.example/thanks?order=marked","referrer":"https://x.example/#marked"},"properties":{"query":"marked search","value":12.5}}]}`),
		Answer: pipeline.Answer{HTTPStatus: 200, RequestID: "202611220001", Duration: 12 * time.Millisecond,
			Body: []byte(`{"code":0,"message":"marked someone@example.com","request_id":"202611220001"}`)},
		Rows: []pipeline.Position{{Topic: "shop.orders", Partition: 1, Offset: offset, EventID: eventID}}}
}

func TestEveryInstanceSeesTheCallsOfAll(t *testing.T) {
	cluster := broker(t)
	a, b := start(t, cluster, "a"), start(t, cluster, "b")
	for i := range 10 {
		a.Add(made("orders", fmt.Sprintf("a%d", i), int64(i)))
	}
	refused := made("signups", "bad \"id\"", 77)
	refused.Answer.Verdict, refused.Answer.Code, refused.Answer.Field = pipeline.Refused, 40002, "properties.currency"
	b.Add(refused)
	written(t, a, 11)
	for name, i := range map[string]*instance{"a": a, "b": b} {
		if err := i.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := len(i.History.Last("", 99, nil)); got != 11 {
			t.Errorf("instance %s sees %d calls, want 11", name, got)
		}
	}
	e := a.History.Last("signups", 1, func(e *calls.Entry) bool { return !e.Good() })[0]
	if e.Origin.Instance != "b" || !e.Brief || e.Answer.Field != "properties.currency" || e.Answer.Code != 40002 {
		t.Errorf("the refused call came back as %+v of %+v", e.Call, e.Origin)
	}
	whole, err := a.Open(t.Context(), e.Origin.Partition, e.Origin.Offset)
	if err != nil || whole == nil || whole.Brief {
		t.Fatalf("open: %+v, %v", whole, err)
	}
	if whole.Rows[0] != refused.Rows[0] || whole.Batch != refused.Batch || whole.Answer.Duration != refused.Answer.Duration || whole.Attempt != 2 {
		t.Errorf("opened %+v, want %+v", whole.Call, refused)
	}
	if !bytes.Contains(whole.Request, []byte(`"value":12.5`)) || !json.Valid(whole.Request) {
		t.Errorf("the request came back as %s", whole.Request)
	}
}

// The new topic is as long as the old one was: by offsets alone there is nothing new in it.
func TestACallsTopicThatWasMadeAgainIsReadFromItsBeginning(t *testing.T) {
	cluster := broker(t)
	create := func() {
		if err := cluster.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	create()
	a := start(t, cluster, "a")
	remember := func(writer *instance, sync string) {
		for i := range 2 {
			writer.Add(made(sync, "e", int64(i)))
		}
		written(t, writer, 2)
		if err := a.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	remember(a, "old")
	a.stop()
	if err := cluster.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	create()
	remember(start(t, cluster, "b"), "new")
	old, now := a.History.Last("old", 9, nil), a.History.Last("new", 9, nil)
	for deadline := time.Now().Add(20 * time.Second); len(now) < 2 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) { // ids may be a few seconds old
		if err := a.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		old, now = a.History.Last("old", 9, nil), a.History.Last("new", 9, nil)
	}
	if len(old) != 0 || len(now) != 2 {
		t.Errorf("remembers %d calls of the topic that is gone and %d of the new one, want none and 2", len(old), len(now))
	}
}

func TestTheTopicHoldsNothingInClear(t *testing.T) {
	cluster := broker(t)
	a := start(t, cluster, "a")
	a.Add(made("orders", "e1", 1))
	notJSON := made("orders", "e2", 2)
	notJSON.Answer.Body = []byte("<html>marked someone@example.com")
	a.Add(notJSON)
	written(t, a, 2)
	n := 0
	ends, err := a.admin.Ends(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	err = a.admin.Read(t.Context(), admin.Range{To: ends}, func(r *pipeline.Record) error {
		n++
		if !json.Valid(r.Value) {
			t.Errorf("no JSON: %s", r.Value)
		}
		for _, clear := range []string{"arked", "203.0.113", "example.com", "order="} {
			if bytes.Contains(r.Value, []byte(clear)) {
				t.Errorf("the topic holds %q: %s", clear, r.Value)
			}
		}
		if !bytes.Contains(r.Value, []byte(strings.Repeat("ab", 32))) || string(r.Key) != "orders" {
			t.Errorf("a digest or the key is missing: %s", r.Value)
		}
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d records, %v", n, err)
	}
}

func TestHistoryGoesBackAndStaysBounded(t *testing.T) {
	cluster := broker(t)
	a := start(t, cluster, "a")
	const many = 10_500
	for i := range many {
		c := made("orders", "e", int64(i))
		c.Request = nil
		a.Add(c)
		if i%2000 == 0 { // so that what waits fits
			written(t, a, i)
		}
	}
	written(t, a, many)
	var readers sync.WaitGroup
	for range 100 {
		readers.Go(func() { // who reads is not in the way of who goes back
			for at, list := time.Now().Add(time.Minute), a.History.Last("", many, nil); len(list) > 0; list = list[1:] {
				if list[0].Time.After(at) {
					t.Error("the newest are not first")
				}
				at = list[0].Time
			}
		})
		if err := a.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if a.Reached() {
			break
		}
	}
	readers.Wait()
	if got := len(a.History.Last("", many, nil)); !a.Reached() || got > 10_000 || got < 9_000 {
		t.Errorf("%d of %d calls are remembered, reached %v; want about 10000", got, many, a.Reached())
	}
}

// written waits until n calls are in the topic.
func written(t *testing.T, i *instance, wanted int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		ends, err := i.admin.Ends(t.Context(), topic)
		sum := int64(0)
		for _, end := range ends[topic] {
			sum += end
		}
		if err == nil && sum >= int64(wanted) {
			return
		}
	}
	t.Fatalf("%d calls are not in the topic", wanted)
}
