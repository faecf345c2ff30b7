package admin

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

func TestDeadLetterTopicsAreCreatedWithTheirSettings(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1, kfake.NumBrokers(3))
	a := newClient(t, configFor(cluster))
	want := []Wanted{
		{Name: "rejected", Partitions: 5, Retention: 14 * 24 * time.Hour, MaxMessageBytes: 2 << 20},
		{Name: "state", Compact: true},
	}
	if warnings, err := a.EnsureTopics(t.Context(), true, want...); err != nil || len(warnings) > 0 {
		t.Fatalf("got %v and warnings %v, want none", err, warnings)
	}
	topics, err := a.Topics(t.Context(), "rejected", "state", "nowhere")
	if err != nil {
		t.Fatal(err)
	}
	rejected := Topic{Name: "rejected", Partitions: 5, Replication: 3, Policy: "delete", Retention: 14 * 24 * time.Hour, MaxMessageBytes: 2 << 20}
	got := topics["rejected"]
	if rejected.ID = got.ID; got != rejected || got.ID == "" {
		t.Errorf("got %+v, want %+v", got, rejected)
	}
	if got := topics["state"]; !got.Compacted() || got.Partitions != 3 {
		t.Errorf("got %+v, want a compacted topic of 3 partitions", got)
	}
	if _, ok := topics["nowhere"]; ok {
		t.Error("a topic that does not exist was described")
	}
	if warnings, err := a.EnsureTopics(t.Context(), false, want...); err != nil || len(warnings) > 0 {
		t.Errorf("the second time: got %v and warnings %v, want none", err, warnings)
	}
}

// The controller makes a topic, and brokers hear of it a moment later.
func TestATopicThatWasMadeIsWaitedFor(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	a := newClient(t, configFor(cluster))
	if _, err := a.Topics(t.Context(), "made"); err != nil { // the client knows its broker
		t.Fatal(err)
	}
	asked := 0
	cluster.ControlKey(kmsg.Metadata.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		req := r.(*kmsg.MetadataRequest)
		if asked++; asked > 5 || len(req.Topics) == 0 {
			return nil, nil, false
		}
		cluster.KeepControl()
		answer := req.ResponseKind().(*kmsg.MetadataResponse)
		host, port, _ := net.SplitHostPort(cluster.ListenAddrs()[0])
		number, _ := strconv.Atoi(port)
		answer.Brokers = []kmsg.MetadataResponseBroker{{Host: host, Port: int32(number)}}
		for _, of := range req.Topics {
			answer.Topics = append(answer.Topics, kmsg.MetadataResponseTopic{Topic: of.Topic, ErrorCode: kerr.UnknownTopicOrPartition.Code})
		}
		return answer, nil, true
	})
	if _, err := a.EnsureTopics(t.Context(), true, Wanted{Name: "made"}); err != nil {
		t.Fatal(err)
	}
	if there, err := a.Topics(t.Context(), "made"); err != nil || there["made"].Partitions != 3 {
		t.Errorf("got %+v and %v, want the topic of 3 partitions", there, err)
	}
}

func TestWhatIsWrongWithATopicIsSaid(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	a := newClient(t, configFor(cluster))
	compact := "compact"
	if err := cluster.CreateTopic("rejected", 1, map[string]string{"cleanup.policy": compact}); err != nil {
		t.Fatal(err)
	}
	warnings, err := a.EnsureTopics(t.Context(), true, Wanted{Name: "rejected"}, Wanted{Name: testTopic, Compact: true, MaxMessageBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i, word := range []string{"compaction drops", "should be compact", "max.message.bytes"} {
		if i >= len(warnings) || !strings.Contains(warnings[i], word) {
			t.Errorf("warning %d: got %q, want one with %q", i, warnings, word)
		}
	}
	_, err = a.EnsureTopics(t.Context(), false, Wanted{Name: "failed"})
	if err == nil || !strings.Contains(err.Error(), "topic failed does not exist") {
		t.Errorf("got %v, want an error that names the topic", err)
	}
}

func TestOffsetsOfAGroupCanBeSetOnlyWithoutMembers(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{kafka.Classic, kafka.NextGen} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 2)
			produceTo(t, cluster, testTopic, 0, 10)
			cfg := configFor(cluster)
			cfg.Protocol = protocol
			a := newClient(t, cfg)
			want := Offsets{testTopic: {0: 4, 1: 0}}
			if err := a.SetOffsets(t.Context(), testGroup, want); err != nil {
				t.Fatal(err)
			}
			got, err := a.Committed(t.Context(), testGroup)
			if err != nil || got[testTopic][0] != 4 || got[testTopic][1] != 0 {
				t.Fatalf("got %v, %v, want %v", got, err, want)
			}
			leave := join(t, cfg)
			defer leave()
			if err := a.SetOffsets(t.Context(), testGroup, want); !errors.Is(err, ErrGroupInUse) {
				t.Errorf("with a member: got %v, want ErrGroupInUse", err)
			}
			members, err := a.Members(t.Context(), testGroup)
			if err != nil || len(members) != 1 || members[0].ClientID != "tokrelay-orders" || members[0].Host == "" {
				t.Errorf("got %+v, %v, want one member, of the sync", members, err)
			}
		})
	}
}

func TestOffsetsAreListedByTimeAndDeletedUpTo(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	for i := range 5 {
		produce(t, cluster, &kgo.Record{Topic: testTopic, Value: []byte("v"), Timestamp: testNow().Add(time.Duration(i) * time.Hour)})
	}
	a := newClient(t, configFor(cluster))
	if got, err := a.At(t.Context(), testNow().Add(150*time.Minute), testTopic); err != nil || got[testTopic][0] != 3 {
		t.Errorf("by time: got %v, %v, want 3", got, err)
	}
	other := Range{To: Offsets{testTopic: {0: 2}}, IDs: map[string]string{testTopic: "another"}}
	if err := a.DeleteRecords(t.Context(), other); err == nil || !strings.Contains(err.Error(), "was deleted and created again") {
		t.Errorf("records of another topic of the name: got %v, want a refusal", err)
	}
	if err := a.DeleteRecords(t.Context(), Range{To: Offsets{testTopic: {0: 2}}}); err != nil {
		t.Fatal(err)
	}
	starts, err := a.Starts(t.Context(), testTopic)
	if err != nil || starts[testTopic][0] != 2 {
		t.Errorf("start: got %v, %v, want 2", starts, err)
	}
	ends, err := a.Ends(t.Context(), testTopic)
	if err != nil || ends[testTopic][0] != 5 {
		t.Errorf("end: got %v, %v, want 5", ends, err)
	}
}

// readAll reads a range and returns the values by partition.
func readAll(ctx context.Context, t *testing.T, a *Client, r Range) map[int32][]string {
	t.Helper()
	got := map[int32][]string{}
	err := a.Read(ctx, r, func(rec *pipeline.Record) error {
		got[rec.Partition] = append(got[rec.Partition], string(rec.Value))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestReadEndsExactlyAtTheRecordedEnds(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 3, kfake.NumBrokers(3))
	for p := range int32(3) {
		produceTo(t, cluster, testTopic, p, 1000)
	}
	a := newClient(t, configFor(cluster))
	ends, err := a.Ends(t.Context(), testTopic)
	if err != nil {
		t.Fatal(err)
	}
	produceTo(t, cluster, testTopic, 1, 500) // after the cut
	cluster.ShufflePartitionLeaders()
	got := readAll(t.Context(), t, a, Range{To: ends})
	for p := range int32(3) {
		if n := len(got[p]); n != 1000 || got[p][0] != "0" || got[p][999] != "999" {
			t.Errorf("partition %d: got %d records, want 1000 in order", p, n)
		}
	}
	part := readAll(t.Context(), t, a, Range{From: Offsets{testTopic: {0: 990}}, To: Offsets{testTopic: {0: 995}}})
	if len(part[0]) != 5 || part[0][0] != "990" {
		t.Errorf("got %v, want 990 to 994", part[0])
	}
}

func TestReadPassesAbortedTransactionsAndDeletedRecords(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 10)
	transaction(t, cluster, "one", kgo.TryAbort, 5)
	transaction(t, cluster, "two", kgo.TryCommit, 3)
	transaction(t, cluster, "three", kgo.TryAbort, 4)
	if err := cluster.DeleteRecords(testTopic, 0, 4); err != nil {
		t.Fatal(err)
	}
	a := newClient(t, configFor(cluster))
	ends, err := a.Ends(t.Context(), testTopic)
	if err != nil {
		t.Fatal(err)
	}
	got := readAll(t.Context(), t, a, Range{To: ends})[0]
	want := "4 5 6 7 8 9 two0 two1 two2"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func transaction(t *testing.T, c *kfake.Cluster, name string, end kgo.TransactionEndTry, n int) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID(name), kgo.DefaultProduceTopic(testTopic))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := client.ProduceSync(t.Context(), kgo.StringRecord(name+strconv.Itoa(i))).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

func TestReadStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 100)
	a, n, boom := newClient(t, configFor(cluster)), 0, errors.New("boom")
	to := Range{To: Offsets{testTopic: {0: 100}}}
	stopAt := func(at int, with error) func(*pipeline.Record) error {
		n = 0
		return func(*pipeline.Record) error {
			if n++; n == at {
				return with
			}
			return nil
		}
	}
	if err := a.Read(t.Context(), to, stopAt(7, ErrStop)); err != nil || n != 7 {
		t.Errorf("Stop: got %v after %d records, want nil after 7", err, n)
	}
	if err := a.Read(t.Context(), to, stopAt(3, boom)); !errors.Is(err, boom) {
		t.Errorf("got %v, want the callback's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Read(ctx, to, stopAt(0, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestReadSaysWhenTheTopicBecameAnother(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 100)
	a := newClient(t, configFor(cluster))
	err := a.Read(t.Context(), Range{To: Offsets{testTopic: {0: 200}}}, func(r *pipeline.Record) error {
		if r.Offset != 99 {
			return nil
		}
		if err := cluster.DeleteTopic(testTopic); err != nil {
			return err
		}
		return cluster.CreateTopic(testTopic, 1, nil)
	})
	if err == nil || !strings.Contains(err.Error(), testTopic) {
		t.Errorf("got %v, want an error that names the topic", err)
	}
}

func TestTopicsHaveTheReplicasThatAreWanted(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1, kfake.NumBrokers(3))
	a := newClient(t, configFor(cluster))
	if _, err := a.EnsureTopics(t.Context(), true, Wanted{Name: "two", Replication: 2}, Wanted{Name: "default"}); err != nil {
		t.Fatal(err)
	}
	fresh := newClient(t, configFor(cluster)) // the client remembers for a second what was not there
	topics, err := fresh.Topics(t.Context(), "two", "default")
	if err != nil || topics["two"].Replication != 2 || topics["default"].Replication != 3 {
		t.Errorf("got %+v, %v, want 2 and 3 replicas", topics, err)
	}
	warnings, err := fresh.EnsureTopics(t.Context(), true, Wanted{Name: "two", Replication: 3})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "has 2 replica(s) and should have 3") {
		t.Errorf("got %q, %v, want a warning of a replica too few", warnings, err)
	}
	_, err = a.EnsureTopics(t.Context(), true, Wanted{Name: "five", Replication: 5})
	if err == nil || !strings.Contains(err.Error(), "3 brokers for 5 replicas (dead_letter.replication)") {
		t.Errorf("got %v, want an error that names the key", err)
	}
}

func TestExcludedTopicsDoNotBelongToAPattern(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1, kfake.SeedTopics(1, "shop.rejected", "shop.heartbeat.eu", "shop.rejected-orders", "workshop.orders"))
	got, err := newClient(t, configFor(cluster)).Matching(t.Context(), `shop\..*`, `shop\.rejected`, `shop\.heartbeat.*`)
	if want := []string{testTopic, "shop.rejected-orders"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestReadingToAnEndStopsAtABatchThatUnpacksToTooMuch(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produce(t, cluster, &kgo.Record{Topic: testTopic, Value: make([]byte, 9<<20)}) // compressed to next to nothing
	cfg := configFor(cluster)
	cfg.MaxBatchBytes = 8 << 20
	a, everything := newClient(t, cfg), Range{To: Offsets{testTopic: {0: 1}}}
	for name, read := range map[string]func(context.Context, Range, func(*pipeline.Record) error) error{"Read": a.Read, "Scan": a.Scan} {
		if err := read(t.Context(), everything, func(*pipeline.Record) error { return nil }); !errors.Is(err, kgo.ErrMaxDecompress) {
			t.Errorf("%s: got %v, want the bound", name, err)
		}
	}
}

// What was committed in a topic that was deleted was taken for the progress in the one that was made again.
func TestOffsetsOfATopicThatWasMadeAgainDoNotCount(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1, kfake.SeedTopics(1, "other"))
	a := newClient(t, configFor(cluster))
	ids, err := a.IDs(t.Context(), testTopic, "other")
	if err != nil {
		t.Fatal(err)
	}
	commit := func(topic string) { // as the consumer that began with the topic as it was
		t.Helper()
		offsets := kadm.Offsets{}
		offsets.Add(kadm.Offset{Topic: topic, At: 7, Metadata: "topic-id=" + ids[topic]})
		if err := a.adm.CommitAllOffsets(t.Context(), testGroup, offsets); err != nil {
			t.Fatal(err)
		}
	}
	commit("other")
	if err := cluster.DeleteTopic(testTopic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(testTopic, 1, nil); err != nil {
		t.Fatal(err)
	}
	a = newClient(t, configFor(cluster)) // which does not know the old topic
	commit(testTopic)
	got, err := a.Committed(t.Context(), testGroup)
	if _, old := got.Get(testTopic, 0); old || err != nil || got["other"][0] != 7 {
		t.Errorf("got %v, %v, want the other topic's alone", got, err)
	}
	if err := a.SetOffsets(t.Context(), testGroup, Offsets{testTopic: {0: 3}}); err != nil {
		t.Fatal(err)
	}
	if got, err := a.Committed(t.Context(), testGroup); err != nil || got[testTopic][0] != 3 {
		t.Errorf("got %v, %v, want the offset that an operator set", got, err)
	}
}
