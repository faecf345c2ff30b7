package state_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
)

// logOf is a Log of the real clients, as cmd makes it.
func logOf(topic string, client *admin.Client, producer *kafka.Producer) state.Log {
	return state.Log{
		Topic: topic,
		Ends: func(ctx context.Context) (string, map[int32]int64, error) {
			ids, err := client.IDs(ctx, topic)
			if err != nil {
				return "", nil, err
			}
			ends, err := client.Ends(ctx, topic)
			return ids[topic], ends[topic], err
		},
		Read: func(ctx context.Context, id string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			return client.Read(ctx, admin.Range{IDs: map[string]string{topic: id}, From: admin.Offsets{topic: from}, To: admin.Offsets{topic: to}}, each)
		},
		Produce: producer.Produce,
	}
}

// broker is a broker in this process with a compacted topic, and clients for it.
func broker(t testing.TB, topic string) (*kfake.Cluster, func() state.Log) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()})
	return cluster, func() state.Log {
		quiet := slog.New(slog.DiscardHandler)
		client, err := admin.New(cfg, "state", quiet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		producer := kafka.NewProducer(cfg, "state", quiet, nil)
		t.Cleanup(producer.Close)
		return logOf(topic, client, producer)
	}
}

func TestInstancesAgreeOverKafka(t *testing.T) {
	_, instance := broker(t, "tokrelay.state")
	a, b := state.NewStore(instance(), time.Now), state.NewStore(instance(), time.Now)
	for i := range 200 {
		writer, reader := a, b
		if i%3 == 0 {
			writer, reader = b, a
		}
		key := fmt.Sprint(i % 50)
		if err := writer.Put(t.Context(), key, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
		if err := reader.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, _ := reader.Get(key); string(got) != fmt.Sprint(i) {
			t.Fatalf("write %d: the other instance sees %q", i, got)
		}
	}
	c := state.NewStore(instance(), time.Now)
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := 150; i < 200; i++ {
		if got, _ := c.Get(fmt.Sprint(i % 50)); string(got) != fmt.Sprint(i) {
			t.Errorf("a new instance sees %q of document %d, want %d", got, i%50, i)
		}
	}
}

func TestALeaseIsOneInstancesOverKafka(t *testing.T) {
	_, instance := broker(t, "tokrelay.state")
	a, b := state.NewStore(instance(), time.Now), state.NewStore(instance(), time.Now)
	got := 0
	for _, s := range []*state.Store{a, b} {
		has, err := s.TryLock(t.Context(), "create/1/Newsletter", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if has {
			got++
		}
	}
	if got != 1 {
		t.Errorf("got %d holders, want 1", got)
	}
}

func TestAStateTopicThatIsMadeAgainInKafkaIsReadAndGetsWhatItLacks(t *testing.T) {
	const topic = "tokrelay.state"
	cluster, instance := broker(t, topic)
	put := func(s *state.Store, kind string, n int) {
		for i := range n {
			if err := s.Put(t.Context(), fmt.Sprint(kind, i), []byte(kind)); err != nil {
				t.Fatal(err)
			}
		}
	}
	s := state.NewStore(instance(), time.Now)
	put(s, "old", 20)
	if err := s.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(topic, 3, nil); err != nil {
		t.Fatal(err)
	}
	other := state.NewStore(instance(), time.Now)
	put(other, "new", 90)
	for tries := 0; len(s.Keys("")) != 110 && tries < 50; tries++ { // the client's knowledge of topics may be a second old
		_ = s.Refresh(t.Context())
		time.Sleep(100 * time.Millisecond)
	}
	if got := len(s.Keys("")); got != 110 {
		t.Errorf("got %d documents, want the 90 of the new topic and the 20 of the old one", got)
	}
	if err := other.Refresh(t.Context()); err != nil || len(other.Keys("")) != 110 {
		t.Errorf("the other instance: got %d documents, %v, want 110", len(other.Keys("")), err)
	}
}
