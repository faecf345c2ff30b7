package daemon

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// TestEveryTopicOfOursHasTheReplicasConfigured makes those of an audience and of calls, as run does.
func TestEveryTopicOfOursHasTheReplicasConfigured(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(1, "people"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	c, report := Parse([]byte(`
kafka: {brokers: ["`+cluster.ListenAddrs()[0]+`"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}"}}
dead_letter: {replication: 2}
calls: {topic: tokrelay.calls}
syncs: [{name: vip, topic: people, framing: json, audience_segment: {audience: {name: VIP}, identifiers: {EMAIL_SHA256: email}}}]
`), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	w, err := Wire(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := errors.Join(w.EnsureTopics(t.Context()), w.EnsureState(t.Context()), w.ensureCalls(t.Context())); err != nil {
		t.Fatal(err)
	}
	if _, err := w.ensureOwners(t.Context(), &c.Syncs[0], "tokrelay.audience.1"); err != nil {
		t.Fatal(err)
	}
	names := []string{"tokrelay.rejected", "tokrelay.failed", "tokrelay.state", "tokrelay.audience.1.rows", "tokrelay.audience.1.members", "tokrelay.audience.1.claims", "tokrelay.calls"}
	client, err := admin.New(c.Kafka, "fresh", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	there, err := client.Topics(t.Context(), names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got := there[name].Replication; got != 2 {
			t.Errorf("%s has %d replicas, want 2", name, got)
		}
	}
}
