package admin

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Answers that the embedded broker does not give by itself, and what a read to offset 50 has to make of them. Each answer
// function sees every fetch and may answer it in the broker's place; nil leaves it to the broker.

// bare is an answer without records.
func bare(req *kmsg.FetchRequest, set func(at int64, p *kmsg.FetchResponseTopicPartition)) *kmsg.FetchResponse {
	resp := req.ResponseKind().(*kmsg.FetchResponse)
	for _, t := range req.Topics {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			part := kmsg.NewFetchResponseTopicPartition()
			part.Partition, part.HighWatermark, part.LastStableOffset, part.RecordBatches = p.Partition, 50, 50, []byte{}
			set(p.FetchOffset, &part)
			topic.Partitions = append(topic.Partitions, part)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

func unchanged(int64, *kmsg.FetchResponseTopicPartition) {}

func outOfRange(_ int64, p *kmsg.FetchResponseTopicPartition) { // as Apache Kafka answers
	p.ErrorCode, p.HighWatermark, p.LastStableOffset, p.LogStartOffset = kerr.OffsetOutOfRange.Code, -1, -1, -1
}

func TestSilenceIsNotTakenForAnEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		answer   func(n int, at int64, req *kmsg.FetchRequest) *kmsg.FetchResponse
		local    int64 // where the brokers' own disks begin
		to       int64
		records  int
		err      string
		patience time.Duration
	}{
		{name: "a quota holds the records back", to: 50, records: 50,
			answer: func(n int, _ int64, req *kmsg.FetchRequest) *kmsg.FetchResponse {
				if n > 3 {
					return nil
				}
				resp := bare(req, unchanged)
				resp.ThrottleMillis = 20
				return resp
			}},
		{name: "remote storage is slow", to: 50, records: 50, local: 50,
			answer: func(n int, _ int64, req *kmsg.FetchRequest) *kmsg.FetchResponse {
				if n > 3 {
					return nil
				}
				return bare(req, unchanged)
			}},
		{name: "a broker that was the leader once", to: 50, records: 50,
			answer: func(n int, _ int64, req *kmsg.FetchRequest) *kmsg.FetchResponse {
				if n > 3 {
					return nil
				}
				return bare(req, func(_ int64, p *kmsg.FetchResponseTopicPartition) { p.HighWatermark, p.LastStableOffset = 0, 0 })
			}},
		{name: "a leader that contradicts itself for a moment", to: 50, records: 50,
			answer: func(n int, _ int64, req *kmsg.FetchRequest) *kmsg.FetchResponse {
				if n > 3 {
					return nil
				}
				return bare(req, outOfRange)
			}},
		{name: "a leader that contradicts itself for ever", to: 50, err: "no broker gives the records from offset 0", patience: time.Second,
			answer: func(_ int, _ int64, req *kmsg.FetchRequest) *kmsg.FetchResponse { return bare(req, outOfRange) }},
		{name: "compaction took all there was", to: 50,
			answer: func(_ int, _ int64, req *kmsg.FetchRequest) *kmsg.FetchResponse { return bare(req, unchanged) }},
		{name: "the partition ends before the recorded end", to: 60, records: 50, err: "ends at offset 50, before 60"},
		{name: "the position is beyond the partition's end", to: 90, err: "ends at offset 50, before 90"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1)
			produceTo(t, cluster, testTopic, 0, 50)
			control(cluster, c.answer, c.local)
			from, got := int64(0), 0
			if c.to == 90 {
				from = 70
			}
			rd := &reader{admin: newClient(t, configFor(cluster)), patience: c.patience, each: func(*pipeline.Record) error { got++; return nil }}
			err := rd.run(t.Context(), Range{From: Offsets{testTopic: {0: from}}, To: Offsets{testTopic: {0: c.to}}})
			if got != c.records || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("got %d records and error %v, want %d and %q", got, err, c.records, c.err)
			}
		})
	}
}

// control answers fetches in the broker's place, and says where the brokers' own disks begin.
func control(cluster *kfake.Cluster, answer func(n int, at int64, req *kmsg.FetchRequest) *kmsg.FetchResponse, local int64) {
	n := 0
	cluster.ControlKey(int16(kmsg.Fetch), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		n++
		req := r.(*kmsg.FetchRequest)
		if answer == nil {
			return nil, nil, false
		}
		resp := answer(n, req.Topics[0].Partitions[0].FetchOffset, req)
		return resp, nil, resp != nil
	})
	cluster.ControlKey(int16(kmsg.ListOffsets), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := r.(*kmsg.ListOffsetsRequest)
		if local == 0 || req.Topics[0].Partitions[0].Timestamp != -4 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		topic, part := kmsg.NewListOffsetsResponseTopic(), kmsg.NewListOffsetsResponseTopicPartition()
		topic.Topic, part.Offset = req.Topics[0].Topic, local
		topic.Partitions = append(topic.Partitions, part)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
}

func TestAReaderThatAPurgeOvertookGoesOnAtTheStartAndLogsWhatIsGone(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 50)
	asked, once := make(chan struct{}), sync.Once{}
	control(cluster, func(_ int, at int64, req *kmsg.FetchRequest) *kmsg.FetchResponse {
		if at >= 30 {
			return nil
		}
		once.Do(func() { close(asked) }) // where it begins was looked up before
		return bare(req, outOfRange)
	}, 0)
	var log bytes.Buffer
	a, err := New(configFor(cluster), "test", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	var got []int64
	rd := &reader{admin: a, each: func(r *pipeline.Record) error { got = append(got, r.Offset); return nil }}
	var purge sync.WaitGroup
	defer purge.Wait()
	purge.Go(func() {
		<-asked
		if err := cluster.DeleteRecords(testTopic, 0, 30); err != nil {
			t.Error(err)
		}
	})
	if err := rd.run(t.Context(), Range{To: Offsets{testTopic: {0: 50}}}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 20 || got[0] != 30 || !slices.IsSorted(got) {
		t.Errorf("read %v, want 30 to 49", got)
	}
	if text := log.String(); !strings.Contains(text, "from=0 to=30 offsets=30") {
		t.Errorf("logged %q, want the offsets that are gone", text)
	}
}

func TestReadRefusesATopicThatWasMadeAgainSinceItsEndWasLookedUp(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 20)
	a := newClient(t, configFor(cluster))
	r, err := a.All(t.Context(), testTopic)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.DeleteTopic(testTopic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(testTopic, 1, nil); err != nil {
		t.Fatal(err)
	}
	produceTo(t, cluster, testTopic, 0, 500)
	n := 0
	err = a.Read(t.Context(), r, func(*pipeline.Record) error { n++; return nil })
	if n > 0 || err == nil || !strings.Contains(err.Error(), "deleted and created again") {
		t.Errorf("read %d records with error %v, want none and an error that says why", n, err)
	}
}

func TestNoTopicsAreNotAllTopics(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 2)
	produceTo(t, cluster, testTopic, 0, 5)
	a := newClient(t, configFor(cluster))
	var err error
	note := func(other error) {
		if err == nil {
			err = other
		}
	}
	offsets := func(o Offsets, e error) int { note(e); return len(o) }
	topics, e := a.Topics(t.Context())
	note(e)
	rights, e := a.TopicRights(t.Context())
	note(e)
	ids, e := a.IDs(t.Context())
	note(e)
	all, e := a.All(t.Context())
	note(e)
	found := map[string]int{"topics": len(topics), "rights": len(rights), "ids": len(ids), "all": len(all.From) + len(all.To) + len(all.IDs),
		"starts": offsets(a.Starts(t.Context())), "ends": offsets(a.Ends(t.Context())), "at": offsets(a.At(t.Context(), time.Now()))}
	for what, n := range found {
		if n != 0 {
			t.Errorf("%s of no topics: got %d, want none", what, n)
		}
	}
	if err != nil {
		t.Error(err)
	}
	read := 0
	if err := a.Read(t.Context(), all, func(*pipeline.Record) error { read++; return nil }); err != nil || read > 0 {
		t.Errorf("read %d records with error %v, want none", read, err)
	}
}
