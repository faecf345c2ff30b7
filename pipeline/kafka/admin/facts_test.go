package admin

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
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
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// The facts of the broker that this package relies on. They are asked of the embedded broker, and of a real one when
// TOKRELAY_E2E_BROKERS has its addresses, separated by commas: the topics are made there, with names of their own, and
// deleted again. Where the embedded broker differs, the fact says so.

const factBrokers = "TOKRELAY_E2E_BROKERS"

func TestFactsOfTheBroker(t *testing.T) {
	t.Parallel()
	for _, f := range []struct {
		fact  string
		holds func(t *testing.T, b *factBroker)
	}{
		{"an answer that is full gives the first partition records, and others none though there are some", aFullAnswer},
		{"an answer that is full names the aborted transactions of every partition it has records of", aFullAnswerAndTransactions},
		{"an offset before the start is out of range, and so is one beyond the end", outOfRangeAnswers},
		{"an answer at the end is empty", anAnswerAtTheEnd},
		{"batches lead over compacted records up to the end without an empty answer", overCompactedRecords},
		{"batches lead over aborted transactions and control records up to the last stable offset", overAbortedTransactions},
		{"an answer held back by a quota has no partitions, and says how long it was held", aThrottledAnswer},
		{"a topic that is made again has another id, and the old id is refused", aTopicMadeAgain},
		{"deleted records move the start and nothing else", deletedRecords},
		{"a read to recorded ends gives every record, and says what a purge took", aReadToRecordedEnds},
		{"a commit is taken while another member is joining", aCommitWhileAnotherJoins},
	} {
		t.Run(f.fact, func(t *testing.T) {
			if os.Getenv(factBrokers) == "" {
				t.Parallel()
			}
			f.holds(t, newFactBroker(t))
		})
	}
}

// factBroker is the broker that is asked.
type factBroker struct {
	t       *testing.T
	brokers []string
	fake    *kfake.Cluster // nil: a real one
	client  *kgo.Client
	adm     *kadm.Client
	topic   string
	answer  int32 // most bytes of one
}

// large is the size of a record fourteen of which are more than an answer holds.
func (b *factBroker) large() int { return int(b.answer) * 75 / 1024 }

func newFactBroker(t *testing.T) *factBroker {
	t.Helper()
	b := &factBroker{t: t, topic: fmt.Sprintf("tokrelay.facts.%d", time.Now().UnixNano()), answer: readMaxBytes}
	if list := os.Getenv(factBrokers); list != "" {
		b.brokers = strings.Split(list, ",")
	} else {
		fake, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fake.Close)
		b.fake, b.brokers, b.answer = fake, fake.ListenAddrs(), smallAnswers
	}
	b.client = b.connect()
	b.adm = kadm.NewClient(b.client)
	t.Cleanup(func() { _, _ = b.adm.DeleteTopics(context.WithoutCancel(t.Context()), b.topic) })
	return b
}

func (b *factBroker) connect(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(b.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MetadataMinAge(50*time.Millisecond))...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return client
}

// create makes the topic with n partitions of one leader, and gives the leader and their numbers.
func (b *factBroker) create(n int, configs map[string]string) (leader int32, ids []int32) {
	b.t.Helper()
	brokers, err := b.adm.ListBrokers(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	set := map[string]*string{}
	for key, value := range configs {
		set[key] = &value
	}
	if _, err := b.adm.CreateTopic(b.t.Context(), int32(n*len(brokers)), 1, set, b.topic); err != nil {
		b.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		details, err := b.adm.ListTopics(b.t.Context(), b.topic)
		if err != nil || details.Error() != nil {
			continue
		}
		byLeader := map[int32][]int32{}
		for _, p := range details[b.topic].Partitions.Sorted() {
			byLeader[p.Leader] = append(byLeader[p.Leader], p.Partition)
		}
		for leader, ids := range byLeader {
			if leader >= 0 && len(ids) >= n {
				return leader, ids[:n]
			}
		}
	}
	b.t.Fatalf("no broker leads %d partitions of the topic", n)
	return 0, nil
}

func (b *factBroker) write(client *kgo.Client, id int32, key string, size int) int64 {
	b.t.Helper()
	r := &kgo.Record{Topic: b.topic, Partition: id, Key: []byte(key), Value: bytes.Repeat([]byte("v"), size)}
	if err := client.ProduceSync(b.t.Context(), r).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	return r.Offset
}

func (b *factBroker) transact(id int32, n, size int, end kgo.TransactionEndTry) {
	b.t.Helper()
	client := b.connect(kgo.TransactionalID(b.topic + strconv.Itoa(time.Now().Nanosecond())))
	if err := client.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
	for range n {
		b.write(client, id, "k", size)
	}
	if err := client.EndTransaction(b.t.Context(), end); err != nil {
		b.t.Fatal(err)
	}
	client.Close()
}

func (b *factBroker) id() [16]byte {
	b.t.Helper()
	details, err := b.adm.ListTopics(b.t.Context(), b.topic)
	if err != nil {
		b.t.Fatal(err)
	}
	return details[b.topic].ID
}

// fetch asks for partitions in their order, from their offsets, as a reader does.
func (b *factBroker) fetch(client *kgo.Client, leader int32, id [16]byte, ids []int32, at ...int64) *kmsg.FetchResponse {
	b.t.Helper()
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.IsolationLevel = 300, 1, b.answer, 1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID = b.topic, id
	for i, id := range ids {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.PartitionMaxBytes = id, b.answer/2
		if i < len(at) {
			p.FetchOffset = at[i]
		}
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	resp, err := client.Broker(int(leader)).RetriableRequest(b.t.Context(), req)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.(*kmsg.FetchResponse)
}

// one is the answer about one partition.
func (b *factBroker) one(leader, id int32, at int64) *kmsg.FetchResponseTopicPartition {
	b.t.Helper()
	resp := b.fetch(b.client, leader, b.id(), []int32{id}, at)
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		b.t.Fatalf("got %d topics, want an answer about one partition", len(resp.Topics))
	}
	return &resp.Topics[0].Partitions[0]
}

// walk goes from batch to batch up to the last stable offset, and fails at an empty answer before it. It gives the
// offsets of the records a reader may see.
func (b *factBroker) walk(leader, id int32) (end int64, seen []int64) {
	b.t.Helper()
	for at := int64(0); ; {
		p := b.one(leader, id, at)
		if p.ErrorCode != 0 {
			b.t.Fatalf("at offset %d: %v", at, kerr.ErrorForCode(p.ErrorCode))
		}
		if at >= p.LastStableOffset {
			return at, seen
		}
		fetched, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Topic: b.topic, Partition: id, Offset: at,
			IsolationLevel: kgo.ReadCommitted()}, p, kgo.DefaultDecompressor(), nil)
		for _, r := range fetched.Records {
			seen = append(seen, r.Offset)
		}
		if next <= at {
			b.t.Fatalf("an empty answer at offset %d, before the last stable offset %d", at, p.LastStableOffset)
		}
		at = next
	}
}

func aFullAnswer(t *testing.T, b *factBroker) {
	leader, ids := b.create(4, nil)
	for _, id := range ids {
		for range 10 { // three quarters of an answer
			b.write(b.client, id, "k", b.large())
		}
	}
	for first := range ids {
		order := append(append([]int32{}, ids[first:]...), ids[:first]...)
		parts, total, silent := b.fetch(b.client, leader, b.id(), order).Topics[0].Partitions, 0, 0
		bytesOf := map[int32]int{}
		for i := range parts {
			p := &parts[i]
			total += len(p.RecordBatches)
			bytesOf[p.Partition] = len(p.RecordBatches)
			if p.ErrorCode != 0 {
				t.Fatal(kerr.ErrorForCode(p.ErrorCode))
			}
			if len(p.RecordBatches) == 0 && p.HighWatermark == 10 && p.LastStableOffset == 10 {
				silent++
			}
		}
		if bytesOf[order[0]] == 0 || total > int(b.answer)+b.large() {
			t.Errorf("the first partition got %d bytes of %d, want some, of %d at most", bytesOf[order[0]], total, b.answer)
		}
		switch {
		case b.fake != nil && len(parts) < len(ids): // the embedded broker leaves out of the answer what has no room, or says it is empty
		case len(parts) != len(ids) || silent == 0:
			t.Errorf("%d of %d partitions are in the answer, %d without records; want all, and some without", len(parts), len(ids), silent)
		}
	}
}

func aFullAnswerAndTransactions(t *testing.T, b *factBroker) {
	leader, ids := b.create(3, nil)
	for _, id := range ids {
		b.transact(id, 3, b.large(), kgo.TryAbort)
		for range 4 {
			b.write(b.client, id, "k", b.large())
		}
	}
	leftOut := 0
	for _, p := range b.fetch(b.client, leader, b.id(), ids).Topics[0].Partitions {
		if len(p.RecordBatches) > 0 && len(p.AbortedTransactions) == 0 {
			leftOut++
		}
	}
	if differs := b.fake != nil; (leftOut > 0) != differs { // the embedded broker leaves them out where the answer becomes full
		t.Errorf("%d partitions lack their aborted transaction", leftOut)
	}
}

func outOfRangeAnswers(t *testing.T, b *factBroker) {
	leader, ids := b.create(1, nil)
	for range 10 {
		b.write(b.client, ids[0], "k", 10)
	}
	b.deleteUpTo(ids[0], 6)
	start := int64(-1)
	if b.fake != nil {
		start = 6 // the embedded broker says where the partition begins
	}
	if p := b.one(leader, ids[0], 2); p.ErrorCode != kerr.OffsetOutOfRange.Code || p.LogStartOffset != start || len(p.RecordBatches) > 0 {
		t.Errorf("before the start: got code %d and start %d, want OFFSET_OUT_OF_RANGE and %d", p.ErrorCode, p.LogStartOffset, start)
	}
	if p := b.one(leader, ids[0], 11); p.ErrorCode != kerr.OffsetOutOfRange.Code {
		t.Errorf("beyond the end: got code %d, want OFFSET_OUT_OF_RANGE", p.ErrorCode)
	}
}

func (b *factBroker) deleteUpTo(id int32, at int64) {
	b.t.Helper()
	before := kadm.Offsets{}
	before.AddOffset(b.topic, id, at, -1)
	answer, err := b.adm.DeleteRecords(b.t.Context(), before)
	if err == nil {
		err = answer.Error()
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func anAnswerAtTheEnd(t *testing.T, b *factBroker) {
	leader, ids := b.create(1, nil)
	b.write(b.client, ids[0], "k", 10)
	if p := b.one(leader, ids[0], 1); p.ErrorCode != 0 || len(p.RecordBatches) > 0 || p.HighWatermark != 1 {
		t.Errorf("got code %d, %d bytes and high watermark %d, want none, none and 1", p.ErrorCode, len(p.RecordBatches), p.HighWatermark)
	}
}

func overCompactedRecords(t *testing.T, b *factBroker) {
	leader, ids := b.create(1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "1048576", "segment.ms": "100",
		"min.cleanable.dirty.ratio": "0.001", "max.compaction.lag.ms": "100", "delete.retention.ms": "0"})
	b.write(b.client, ids[0], "first", 10) // the embedded broker moves the start behind what it compacts at the beginning
	for range 29 {
		b.write(b.client, ids[0], "k", 100<<10)
	}
	time.Sleep(150 * time.Millisecond)
	b.write(b.client, ids[0], "other", 10) // a new segment: the one before may be compacted up to its end
	for tries := 0; ; tries++ {
		if b.fake != nil {
			b.fake.Compact()
		}
		end, seen := b.walk(leader, ids[0])
		if end != 31 {
			t.Fatalf("the walk ended at offset %d, want 31", end)
		}
		if len(seen) < 20 {
			return
		}
		if tries == 100 {
			t.Fatalf("nothing was compacted: %d records are left", len(seen))
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func overAbortedTransactions(t *testing.T, b *factBroker) {
	leader, ids := b.create(1, nil)
	b.write(b.client, ids[0], "k", 10)
	b.transact(ids[0], 3, 10, kgo.TryCommit) // offsets 1 to 3, its end 4
	b.transact(ids[0], 2, 10, kgo.TryAbort)  // 5, 6 and 7
	end, seen := b.walk(leader, ids[0])
	if end != 8 || fmt.Sprint(seen) != "[0 1 2 3]" {
		t.Errorf("the walk ended at offset %d and saw %v, want 8 and 0 to 3", end, seen)
	}
}

func aThrottledAnswer(t *testing.T, b *factBroker) {
	if b.fake != nil {
		t.Skip("the embedded broker keeps no quotas")
	}
	leader, ids := b.create(1, nil)
	for range 10 {
		b.write(b.client, ids[0], "k", b.large())
	}
	name := b.topic
	entity := kadm.ClientQuotaEntity{{Type: "client-id", Name: &name}}
	b.quota(entity, false)
	t.Cleanup(func() { b.quota(entity, true) })
	time.Sleep(time.Second) // quotas reach the broker's own ear a moment later
	slow := b.connect(kgo.ClientID(name))
	for range 4 {
		resp := b.fetch(slow, leader, b.id(), ids)
		if resp.ThrottleMillis > 0 && (len(resp.Topics) == 0 || len(resp.Topics[0].Partitions) == 0) {
			return
		}
		t.Logf("throttled for %d ms, with %d topics", resp.ThrottleMillis, len(resp.Topics))
	}
	t.Error("no answer was held back")
}

func (b *factBroker) quota(entity kadm.ClientQuotaEntity, remove bool) {
	b.t.Helper()
	answers, err := b.adm.AlterClientQuotas(context.WithoutCancel(b.t.Context()), []kadm.AlterClientQuotaEntry{{Entity: entity,
		Ops: []kadm.AlterClientQuotaOp{{Key: "consumer_byte_rate", Value: 300_000, Remove: remove}}}})
	for _, a := range answers {
		err = cmp.Or(err, a.Err)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func aTopicMadeAgain(t *testing.T, b *factBroker) {
	leader, ids := b.create(1, nil)
	b.write(b.client, ids[0], "k", 10)
	old := b.id()
	if _, err := b.adm.DeleteTopics(t.Context(), b.topic); err != nil {
		t.Fatal(err)
	}
	for tries := 0; ; tries++ { // a real broker deletes a moment later
		if _, err := b.adm.CreateTopic(t.Context(), 1, 1, nil, b.topic); err == nil {
			break
		} else if tries == 100 {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(200 * time.Millisecond) // longer than the client keeps what it knows of topics
	if b.id() == old {
		t.Error("the new topic has the old one's id")
	}
	resp := b.fetch(b.client, leader, old, []int32{0})
	if len(resp.Topics) != 1 {
		t.Fatalf("got %d topics, want the answer about the old id", len(resp.Topics))
	}
	code := resp.Topics[0].Partitions[0].ErrorCode
	if code != kerr.UnknownTopicID.Code && code != kerr.InconsistentTopicID.Code {
		t.Errorf("got code %d, want UNKNOWN_TOPIC_ID", code)
	}
}

func deletedRecords(t *testing.T, b *factBroker) {
	leader, ids := b.create(1, nil)
	for range 10 {
		b.write(b.client, ids[0], "k", 10)
	}
	b.deleteUpTo(ids[0], 7)
	starts, err := b.adm.ListStartOffsets(t.Context(), b.topic)
	start, _ := starts.Lookup(b.topic, ids[0])
	p := b.one(leader, ids[0], 7)
	if err != nil || start.Offset != 7 || p.LogStartOffset != 7 || p.HighWatermark != 10 || len(p.RecordBatches) == 0 {
		t.Errorf("got start %d and %d, end %d, want 7, 7 and 10; error %v", start.Offset, p.LogStartOffset, p.HighWatermark, err)
	}
}

// aReadToRecordedEnds is no fact of the broker's, but what the others are for.
func aReadToRecordedEnds(t *testing.T, b *factBroker) {
	_, ids := b.create(4, nil)
	for _, id := range ids {
		for range 10 {
			b.write(b.client, id, "k", b.large())
		}
		b.transact(id, 2, 10, kgo.TryAbort)
	}
	a, err := New(settings.WithDefaults(kafka.Config{Brokers: b.brokers}), "facts", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	a.mostFetched = b.answer
	all, err := a.All(t.Context(), b.topic)
	if err != nil {
		t.Fatal(err)
	}
	gone := int64(0)
	all.Gone = func(g Gap) { gone += g.To - g.From }
	for what, read := range map[string]func(context.Context, Range, func(*pipeline.Record) error) error{"Read": a.Read, "Scan": a.Scan} {
		got := 0
		if err := read(t.Context(), all, func(*pipeline.Record) error { got++; return nil }); err != nil || got != 40 || gone > 0 {
			t.Errorf("%s: got %d records, %d gone, error %v, want 40, none, none", what, got, gone, err)
		}
	}
	got := map[int32]int{}
	err = a.Read(t.Context(), all, func(r *pipeline.Record) error {
		if len(got) == 0 { // two partitions fill an answer: this one is asked for again behind its tenth record
			for _, id := range ids {
				b.deleteUpTo(id, 9)
			}
		}
		got[r.Partition]++
		return nil
	})
	read := 0
	for _, n := range got {
		read += n
	}
	if err != nil || read+int(gone) != 40 || gone == 0 || len(got) != 4 {
		t.Errorf("overtaken by a purge: read %v, %d gone, error %v, want 40 together", got, gone, err)
	}
}

func aCommitWhileAnotherJoins(t *testing.T, b *factBroker) {
	b.create(1, nil)
	group := b.topic
	first := b.join(b.client, group, "")
	b.sync(group, first)
	joined, other := make(chan struct{}), b.connect() // a broker answers the requests of a connection one after the other
	go func() {
		defer close(joined)
		b.join(other, group, "") // waits for the first member to join again
	}()
	code := int16(-1)
	for range 20 { // some before the other has come, some after
		code = b.commit(group, first)
		if code != 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if code != 0 {
		t.Errorf("got code %d (%v), want the commit taken", code, kerr.ErrorForCode(code))
	}
	b.join(b.client, group, first.MemberID)
	<-joined
}

func (b *factBroker) join(client *kgo.Client, group, member string) *kmsg.JoinGroupResponse {
	for {
		req := kmsg.NewPtrJoinGroupRequest()
		req.Group, req.MemberID, req.ProtocolType = group, member, "consumer"
		req.SessionTimeoutMillis, req.RebalanceTimeoutMillis = 20_000, 20_000
		protocol := kmsg.NewJoinGroupRequestProtocol()
		protocol.Name = "range"
		req.Protocols = append(req.Protocols, protocol)
		resp, err := req.RequestWith(b.t.Context(), client)
		if err != nil {
			b.t.Error(err)
			return &kmsg.JoinGroupResponse{}
		}
		if resp.ErrorCode != kerr.MemberIDRequired.Code {
			return resp
		}
		member = resp.MemberID
	}
}

func (b *factBroker) sync(group string, m *kmsg.JoinGroupResponse) {
	b.t.Helper()
	req := kmsg.NewPtrSyncGroupRequest()
	req.Group, req.MemberID, req.Generation = group, m.MemberID, m.Generation
	protocolType, protocol := "consumer", "range"
	req.ProtocolType, req.Protocol = &protocolType, &protocol
	assignment := kmsg.NewSyncGroupRequestGroupAssignment()
	assignment.MemberID = m.MemberID
	req.GroupAssignment = append(req.GroupAssignment, assignment)
	resp, err := req.RequestWith(b.t.Context(), b.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *factBroker) commit(group string, m *kmsg.JoinGroupResponse) int16 {
	b.t.Helper()
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.MemberID, req.Generation = group, m.MemberID, m.Generation
	topic, p := kmsg.NewOffsetCommitRequestTopic(), kmsg.NewOffsetCommitRequestTopicPartition()
	topic.Topic, topic.TopicID, p.Offset = b.topic, b.id(), 1
	topic.Partitions = append(topic.Partitions, p)
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(b.t.Context(), b.client)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.Topics[0].Partitions[0].ErrorCode
}
