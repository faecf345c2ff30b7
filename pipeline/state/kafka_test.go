package state_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

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
		producer, err := kafka.NewProducer(cfg, "state", quiet)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(producer.Close)
		return logOf(topic, client, producer)
	}
}

func everyByte(value []byte, each func(claim []byte)) {
	for i := range value {
		each(value[i : i+1])
	}
}

func TestInstancesAgreeOverKafka(t *testing.T) {
	_, instance := broker(t, "tokrelay.newsletter.members")
	a, b := state.NewMembers(instance(), everyByte, nil), state.NewMembers(instance(), everyByte, nil)
	for i := range 200 {
		writer, reader := a, b
		if i%3 == 0 {
			writer, reader = b, a
		}
		k := [16]byte{byte(i % 50)}
		if err := writer.Put(t.Context(), [][16]byte{k}, [][]byte{fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
		if err := reader.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := string(reader.Get(nil, k)), fmt.Sprint(i); got != want {
			t.Fatalf("write %d: the other instance sees %q, want %q", i, got, want)
		}
	}
	c := state.NewMembers(instance(), everyByte, nil)
	if err := c.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for digit := range 10 {
		claim := []byte{byte('0' + digit)}
		if got, want := c.Claimants(claim), a.Claimants(claim); got != want {
			t.Errorf("claimants of %s: got %d, want %d", claim, got, want)
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

// BenchmarkRestoreOverKafka restores a million members from a broker that shares the process's two cores.
func BenchmarkRestoreOverKafka(b *testing.B) {
	const members = 1_000_000
	cluster, instance := broker(b, "tokrelay.newsletter.members")
	fill(b, cluster, members)
	for b.Loop() {
		m := state.NewMembers(instance(), func(value []byte, each func([]byte)) { each(value[len(value)-34:]) }, nil)
		if err := m.Restore(b.Context()); err != nil {
			b.Fatal(err)
		}
		if m.Len() != members {
			b.Fatalf("got %d members, want %d", m.Len(), members)
		}
	}
}

func fill(b *testing.B, cluster *kfake.Cluster, n int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for i := range n {
		k, value := make([]byte, 16), make([]byte, 50)
		binary.LittleEndian.PutUint64(k, uint64(i)*0x9e3779b97f4a7c15)
		binary.LittleEndian.PutUint64(value[30:], uint64(i)*0x9e3779b97f4a7c15)
		client.Produce(b.Context(), &kgo.Record{Topic: "tokrelay.newsletter.members", Key: k, Value: value}, nil)
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func TestAMembersTopicThatIsMadeAgainInKafkaIsReadAndGetsWhatItLacks(t *testing.T) {
	const topic = "tokrelay.newsletter.members"
	cluster, instance := broker(t, topic)
	m := state.NewMembers(instance(), everyByte, nil)
	for i := range 20 {
		if err := m.Put(t.Context(), [][16]byte{{byte(i)}}, [][]byte{[]byte("old")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := cluster.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(topic, 3, nil); err != nil {
		t.Fatal(err)
	}
	other := state.NewMembers(instance(), everyByte, nil)
	for i := range 90 {
		if err := other.Put(t.Context(), [][16]byte{{100, byte(i)}}, [][]byte{[]byte("new")}); err != nil {
			t.Fatal(err)
		}
	}
	for tries := 0; m.Len() != 110 && tries < 50; tries++ { // the client's knowledge of topics may be a second old
		_ = m.Refresh(t.Context())
		time.Sleep(100 * time.Millisecond)
	}
	if got := m.Len(); got != 110 {
		t.Errorf("got %d members, want the 90 of the new topic and the 20 of the old one", got)
	}
	if err := other.Refresh(t.Context()); err != nil || other.Len() != 110 {
		t.Errorf("the other instance: got %d members, %v, want 110", other.Len(), err)
	}
}
