package replay

import (
	"bytes"
	"context"
	"maps"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// brokerWith is a broker that has a topic, to write to and to read.
func brokerWith(t *testing.T, topic string) (*kafka.Producer, *admin.Client) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()})
	producer := kafka.NewProducer(cfg, "test", nil, nil)
	t.Cleanup(producer.Close)
	client, err := admin.New(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return producer, client
}

func TestANewerChangeOvertakesALetterAndATombstoneDoesNot(t *testing.T) {
	producer, client := brokerWith(t, "customers")
	for _, r := range []struct{ key, value string }{
		{"changed", "1"}, {"deleted", "1"}, {"quiet", "1"}, {"unreadable", "1"}, // offsets 0 to 3
		{"(2)changed", "2"}, {"deleted", ""}, {"unreadable", "?"}, {"other", "1"},
	} {
		record := pipeline.Record{Topic: "customers", Key: []byte(r.key)}
		if r.value != "" {
			record.Value = []byte(r.value)
		}
		for _, err := range producer.Produce(t.Context(), []pipeline.Record{record}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	decode := func(_ context.Context, r *pipeline.Record, _ *pipeline.Change) error {
		switch {
		case r.Value == nil:
			return pipeline.SkipTombstone
		case string(r.Value) == "?":
			return pipeline.Reject(pipeline.StageDecode, pipeline.JSONDecode, "", "")
		}
		return nil
	}
	var rows []memberRow
	for i, key := range []string{"changed", "deleted", "quiet", "unreadable"} {
		rows = append(rows, memberRow{pipeline.Position{Topic: "customers", Offset: int64(i)}, []byte(key)})
	}
	identity := func(r *pipeline.Record) []byte { return bytes.TrimPrefix(r.Key, []byte("(2)")) } // its key's schema was registered again
	late, err := overtaken(t.Context(), client, rows, reading{identity, decode})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"customers/0/0": true, "customers/0/3": true}
	if !maps.Equal(late, want) {
		t.Errorf("overtaken: got %v, want %v", late, want)
	}
}
