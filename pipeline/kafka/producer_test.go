package kafka

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

func newProducer(t *testing.T, c *kfake.Cluster) *Producer {
	t.Helper()
	p := NewProducer(configFor(c), "letters", nil, nil)
	t.Cleanup(p.Close)
	return p
}

func TestProducedRecordsKeepTheirBytesAndHeaders(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	p := newProducer(t, cluster)
	sent := []pipeline.Record{
		{Topic: testTopic, Key: []byte{0, 1}, Value: []byte{0xff, 0}, Headers: []pipeline.Header{{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}}},
		{Topic: testTopic, Key: nil, Value: nil},
		{Topic: testTopic, Key: []byte{}, Value: []byte{}},
	}
	for i, err := range p.Produce(t.Context(), sent) {
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	client, err := configFor(cluster).NewClient("reader", nil, kgo.ConsumeTopics(testTopic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var fetched []*kgo.Record
	for len(fetched) < len(sent) && t.Context().Err() == nil {
		fetched = append(fetched, client.PollFetches(t.Context()).Records()...)
	}
	chunk, _ := newChunk(fetched)
	got := chunk.Records
	for i, want := range sent {
		g := got[i]
		if !bytes.Equal(g.Key, want.Key) || !bytes.Equal(g.Value, want.Value) || (g.Value == nil) != (want.Value == nil) || len(g.Headers) != len(want.Headers) {
			t.Errorf("record %d came back changed", i)
		}
		if g.Timestamp.IsZero() {
			t.Errorf("record %d has no time", i)
		}
	}
	if second, _ := got[0].Header("a"); string(second) != "2" {
		t.Errorf("the later of two headers: got %q, want 2", second)
	}
}

func TestOneRecordThatIsTooLargeCostsItselfOnly(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	if err := cluster.CreateTopic("rejected", 1, map[string]string{"max.message.bytes": "3000000"}); err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, 4<<20) // does not compress
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	errs := newProducer(t, cluster).Produce(t.Context(), []pipeline.Record{
		{Topic: "rejected", Value: []byte("small")},
		{Topic: "rejected", Value: noise},
		{Topic: "rejected", Value: noise[:2<<20]}, // above the usual batch, below the topic's limit
		{Topic: "nowhere", Value: []byte("small")},
	})
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("got %v and %v, want both acknowledged", errs[0], errs[2])
	}
	large, ok := errors.AsType[*TooLarge](errs[1])
	if !ok || large.Topic != "rejected" || large.Bytes != 4<<20 {
		t.Errorf("got %v, want *TooLarge", errs[1])
	}
	if errs[3] == nil {
		t.Error("a topic that does not exist took a record")
	}
	if _, ok := errors.AsType[*TooLarge](errs[3]); ok {
		t.Errorf("got %v, want another error than *TooLarge", errs[3])
	}
}

func TestAPassingFailureIsRetriedAndALastingOneReturned(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	p := newProducer(t, cluster)
	one := []pipeline.Record{{Topic: testTopic, Value: []byte("v")}}
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: 2})
	if errs := p.Produce(t.Context(), one); errs[0] != nil {
		t.Errorf("after a passing failure: got %v, want nil", errs[0])
	}
	forever := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	if errs := p.Produce(t.Context(), one); !errors.Is(errs[0], kerr.TopicAuthorizationFailed) {
		t.Errorf("without permission: got %v, want the broker's reason", errs[0])
	}
	forever.Remove()
	if errs := p.Produce(t.Context(), one); errs[0] != nil {
		t.Errorf("with permission again: got %v, want nil", errs[0])
	}
}

// A dead letter that waited for Kafka longer than an attempt lasts keeps its time.
func TestARecordIsWrittenHoweverOldItsTimeIs(t *testing.T) {
	t.Parallel()
	p := newProducer(t, newCluster(t, 1))
	for _, age := range []time.Duration{0, 2 * deliveryTimeout, 24 * time.Hour} {
		record := pipeline.Record{Topic: testTopic, Value: []byte("v"), Timestamp: time.Now().Add(-age)}
		if err := p.Produce(t.Context(), []pipeline.Record{record})[0]; err != nil {
			t.Errorf("a record of %v ago: %v", age, err)
		}
	}
}

func TestProduceEndsWithItsContextEvenWhenTheBrokerIsSilent(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	p := newProducer(t, cluster)
	ctx, cancel := context.WithCancel(t.Context())
	silent := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	answered := make(chan []error, 1)
	go func() { answered <- p.Produce(ctx, []pipeline.Record{{Topic: testTopic, Value: []byte("v")}}) }()
	if err := silent.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if errs := <-answered; !errors.Is(errs[0], context.Canceled) {
		t.Errorf("got %v, want the context's error", errs[0])
	}
}

// Two writers find their topic deleted, one of them late: the record that the first has written to the new topic must not have
// the second's taken for it. What is in the topic is read by a client of its own.
func TestNoRecordIsLostWhenSeveralFindTheirTopicDeleted(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	p := newProducer(t, cluster)
	write := func(value string) {
		t.Helper()
		if err := p.Produce(t.Context(), []pipeline.Record{{Topic: testTopic, Value: []byte(value)}})[0]; err != nil {
			t.Fatal(err)
		}
	}
	write("in the old topic")
	used, _ := p.client()
	if err := cluster.DeleteTopic(testTopic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(testTopic, 1, nil); err != nil {
		t.Fatal(err)
	}
	write("first")
	if err := p.again(t.Context(), testTopic, used); err != nil {
		t.Fatal(err)
	}
	write("second")
	write("third")
	reader, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(testTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var got []string
	for len(got) < 3 && t.Context().Err() == nil {
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		fetches := reader.PollFetches(ctx)
		stop()
		if fetches.NumRecords() == 0 {
			break
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	if want := []string{"first", "second", "third"}; !slices.Equal(got, want) {
		t.Errorf("the topic holds %v, want %v", got, want)
	}
}
