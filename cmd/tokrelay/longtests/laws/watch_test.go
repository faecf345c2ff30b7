//go:build synctests

package laws

import (
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// place is where a row is: in which of the topics that had the name one after the other, and where in it.
type place struct {
	made      int
	partition int32
	offset    int64
}

// placed is a row's fate at a place.
type placed struct {
	fate
	maybe bool // it need not arrive: Kafka lost it, or the group was told to pass over it
	open  bool // its transaction has not ended
}

// letter is which row a dead letter is of, by the row's key, and why it was rejected.
type letter struct {
	key    string
	reason pipeline.Reason
}

// watch sits at the broker. It holds every commit against what has settled by then, as the world can see it: the event is
// in TikTok's set, the dead letter has reached the broker, or the row is one to be skipped.
type watch struct {
	t      *testing.T
	topic  string
	group  string
	tiktok *sandbox.Sandbox
	calls  *callLog

	mu      sync.Mutex
	fates   map[place]*placed
	letters map[string]pipeline.Reason
	passed  map[int32]int64 // how far commits have been checked
	made    int             // how often the topic was made again
	blind   bool            // commits are set from outside
	refuse  int             // dead letters still to be refused, in requests
}

func newWatch(t *testing.T, c *kfake.Cluster, topic, group string, box *sandbox.Sandbox) *watch {
	w := &watch{t: t, topic: topic, group: group, tiktok: box, calls: newCallLog(box.Transport()),
		fates: map[place]*placed{}, letters: map[string]pipeline.Reason{}, passed: map[int32]int64{}}
	c.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if r := r.(*kmsg.OffsetCommitRequest); r.Group == group {
			w.commit(r)
		}
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := w.produce(r.(*kmsg.ProduceRequest))
		return answer, nil, answer != nil
	})
	return w
}

func (w *watch) commit(r *kmsg.OffsetCommitRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.blind || w.made > 0 {
		return // an offset does not say of which topic it is: the rows that are missing in the end tell
	}
	taken := map[string]bool{}
	for _, e := range w.tiktok.Events() {
		taken[e.ID] = true
	}
	for _, t := range r.Topics {
		if t.Topic == failed {
			continue // the mark that the sync has begun
		}
		for _, p := range t.Partitions {
			for ; w.passed[p.Partition] < p.Offset; w.passed[p.Partition]++ {
				w.check(place{w.made, p.Partition, w.passed[p.Partition]}, taken)
			}
		}
	}
}

// check looks whether a row that a commit passes has settled.
func (w *watch) check(at place, taken map[string]bool) {
	f, known := w.fates[at]
	switch {
	case !known:
		w.t.Errorf("%v: committed, and never written", at)
	case f.maybe:
	case f.open:
		w.t.Errorf("%v: committed although its transaction has not ended", at)
	case f.outcome == pipeline.Delivered && !taken[f.id]:
		w.t.Errorf("%v: committed although TikTok does not have it", at)
	case f.outcome == pipeline.DeadLettered && w.letters[f.key] == "":
		w.t.Errorf("%v: committed although its dead letter (%s) is not written", at, f.reason)
	}
}

// produce notes dead letters that pass, and refuses some.
func (w *watch) produce(r *kmsg.ProduceRequest) kmsg.Response {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := letters(r)
	if len(list) == 0 {
		return nil
	}
	if w.refuse > 0 {
		w.refuse--
		return refusal(r)
	}
	for _, l := range list {
		w.blame(l)
		w.letters[l.key] = l.reason
	}
	return nil
}

func refusal(r *kmsg.ProduceRequest) kmsg.Response {
	answer := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range r.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, kerr.PolicyViolation.Code
			topic.Partitions = append(topic.Partitions, partition)
		}
		answer.Topics = append(answer.Topics, topic)
	}
	return answer
}

// letters reads the dead letters in a request; other records are none.
func letters(r *kmsg.ProduceRequest) []letter {
	var list []letter
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			batch := kmsg.NewFetchResponseTopicPartition()
			batch.Partition, batch.RecordBatches = p.Partition, p.Records
			fetched, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: t.Topic, Partition: p.Partition}, &batch, kgo.DefaultDecompressor(), nil)
			for _, record := range fetched.Records {
				if l, ok := letterIn(record); ok {
					list = append(list, l)
				}
			}
		}
	}
	return list
}

func letterIn(r *kgo.Record) (letter, bool) {
	record := pipeline.Record{}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, pipeline.Header{Key: h.Key, Value: h.Value})
	}
	var head deadletter.Head
	if !head.Read(&record) {
		return letter{}, false
	}
	return letter{string(r.Key), pipeline.Reason(head.Reason)}, true
}
