package admin

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// TestOldBrokersAnswerEveryQuestion of the commands, take what a producer writes and give it back: of each version that
// docs/operations names. The embedded broker speaks no more than the version does.
func TestOldBrokersAnswerEveryQuestion(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		versions *kversion.Versions
		ids      bool // topics have ids
	}{
		"2.1": {kversion.V2_1_0(), false}, "2.7": {kversion.V2_7_0(), false},
		"2.8": {kversion.V2_8_0(), true}, "3.1": {kversion.V3_1_0(), true}, "4.0": {kversion.V4_0_0(), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 2, kfake.MaxVersions(test.versions))
			produceTo(t, cluster, testTopic, 0, 10)
			a := newClient(t, configFor(cluster))
			askAll(t, a, test.ids)
			p := kafka.NewProducer(configFor(cluster), "letters", nil, nil)
			defer p.Close()
			letter := []pipeline.Record{{Topic: "rejected", Partition: -1, Key: []byte("k"), Value: []byte("v"), Timestamp: time.Now(), Headers: []pipeline.Header{{Key: "reason", Value: []byte("r")}}}}
			if err := p.Produce(t.Context(), letter)[0]; err != nil {
				t.Fatal(err)
			}
			ends, err := a.Ends(t.Context(), "rejected")
			if err != nil {
				t.Fatal(err)
			}
			headers := 0
			if err := a.Read(t.Context(), Range{To: ends}, func(r *pipeline.Record) error { headers += len(r.Headers); return nil }); err != nil || headers != 1 {
				t.Errorf("read back: %v, %d headers, want 1", err, headers)
			}
			if err := a.DeleteRecords(t.Context(), Range{To: ends}); err != nil {
				t.Errorf("purge: %v", err)
			}
		})
	}
}

// askAll asks what check --online, resync and the start of the daemon ask.
func askAll(t *testing.T, a *Client, ids bool) {
	t.Helper()
	if _, err := a.EnsureTopics(t.Context(), true, Wanted{Name: "rejected", Retention: time.Hour}); err != nil {
		t.Errorf("make topics: %v", err)
	}
	topics, err := a.Topics(t.Context(), testTopic)
	if got := topics[testTopic]; err != nil || got.Partitions != 2 || got.Policy != "delete" || (got.ID != "") != ids {
		t.Errorf("topics: got %+v, %v, want ids: %v", topics, err, ids)
	}
	if got, err := a.TopicRights(t.Context(), testTopic); err != nil || !got[testTopic].Has(RightRead) {
		t.Errorf("rights on topics: got %v, %v", got, err)
	}
	if got, err := a.GroupRights(t.Context(), testGroup); err != nil || !got.Has(RightRead) {
		t.Errorf("rights on groups: got %v, %v", got, err)
	}
	if may, err := a.MayCreate(t.Context()); err != nil || !may {
		t.Errorf("may create topics: got %v, %v", may, err)
	}
	if got, err := a.At(t.Context(), testNow().AddDate(10, 0, 0), testTopic); err != nil || got[testTopic][0] != 10 {
		t.Errorf("offsets by time: got %v, %v", got, err)
	}
	if err := a.SetOffsets(t.Context(), "other", Offsets{testTopic: {0: 10}}); err != nil {
		t.Errorf("set offsets: %v", err)
	}
	if got, err := a.Committed(t.Context(), "other"); err != nil || got[testTopic][0] != 10 {
		t.Errorf("committed: got %v, %v, want 10", got, err)
	}
	if got, err := a.Members(t.Context(), "other"); err != nil || len(got) > 0 {
		t.Errorf("the group: got %v, %v, want it without members", got, err)
	}
}
