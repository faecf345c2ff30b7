package daemon

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const patternConfig = `kafka: {brokers: ["%s"]}
schema_registry: {url: "http://localhost:1"}
connections: {main: {advertiser_id: "7000000000000000001", access_token: t}}
syncs:
  - name: lapsed
    topic_pattern: %s
    audience_file: {audience: {name: Lapsed}, identifier: {EMAIL_SHA256: email}}
`

// TestAPatternThatMatchesNothingReadsNothingAndSaysSo: customers of another topic must not be read, let alone sent.
func TestAPatternThatMatchesNothingReadsNothingAndSaysSo(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "other.customers"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, producer := clientsOf(t, cluster)
	for _, err := range producer.Produce(t.Context(), []pipeline.Record{{Topic: "other.customers", Key: []byte("k"), Value: []byte("v")}}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	parse := func(pattern string) (*Wiring, *Sync) {
		c, report := Parse(fmt.Appendf(nil, patternConfig, cluster.ListenAddrs()[0], pattern), settings.Vars(nil))
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		return &Wiring{Config: c, Admin: client}, &c.Syncs[0]
	}
	for what, read := range map[string]func(w *Wiring, s *Sync) (int, error){
		"upload of an audience": func(w *Wiring, s *Sync) (int, error) {
			spans, err := w.spans(t.Context(), s)
			return len(spans), err
		},
		"preview, and check of the newest rows": func(w *Wiring, s *Sync) (int, error) {
			r, err := TopicRange{Partition: -1, Offset: -1, Limit: 10}.Find(t.Context(), w.Admin, s)
			return len(r.To), err
		},
	} {
		t.Run(what, func(t *testing.T) {
			n, err := read(parse(`shop\..*`))
			if none, ok := errors.AsType[*NoTopic](err); n != 0 || !ok || !strings.Contains(none.Error(), `no topic matches topic_pattern shop\..*`) {
				t.Errorf("got %d to read and error %v, want none and an error with the pattern", n, err)
			}
			if _, err := read(parse(`other\..*`)); err != nil {
				t.Errorf("a pattern that matches: got %v, want no error", err)
			}
		})
	}
	if w, s := parse(`shop\..*`); !(&Stream{Sync: s, wiring: w}).caughtUp(t.Context()) {
		t.Error("a sync without a topic has nothing left to read, but is not caught up")
	}
}

func clientsOf(t *testing.T, cluster *kfake.Cluster) (*admin.Client, *kafka.Producer) {
	t.Helper()
	cfg := settings.WithDefaults(kafka.Config{Brokers: cluster.ListenAddrs()})
	client, err := admin.New(cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	producer := kafka.NewProducer(cfg, "test", nil, nil)
	t.Cleanup(producer.Close)
	return client, producer
}
