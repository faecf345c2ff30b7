package replay

import (
	"bytes"
	"context"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestANewerChangeOvertakesALetterAndATombstoneDoesNot(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "customers"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg := settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()})
	producer, err := kafka.NewProducer(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	client, err := admin.New(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
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

// Letters end in any order; the progress never passes one that has not, and reaches the end when all have.
func TestProgressNeverPassesALetterOnItsWay(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		l := &progress{done: map[int32]int64{}, open: map[int32][]int64{}}
		open := map[int64]bool{}
		read := int64(0)
		check := func() {
			at, ok := l.offsets("t", map[int32]int64{0: read}).Get("t", 0)
			want := read
			for o := range open {
				want = min(want, o)
			}
			if want > 0 && (!ok || at != want) || want == 0 && ok {
				t.Fatalf("progress is %d (%v), want %d; read %d, open %v", at, ok, want, read, open)
			}
		}
		for range 50 {
			if random.IntN(2) == 0 {
				if random.IntN(3) > 0 {
					l.begin(0, read)
					open[read] = true
				}
				read++
			} else {
				for o := range open {
					l.end(0, o)
					delete(open, o)
					break
				}
			}
			check()
		}
		for o := range open {
			l.end(0, o)
			delete(open, o)
		}
		check()
	}
}
