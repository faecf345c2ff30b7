package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Batch is a record batch as its header describes it: what producers write and brokers store as one piece.
type Batch struct {
	Topic       string
	Partition   int32
	First, Last int64             // offsets
	Rows        int               // as the header says
	Bytes       int               // as stored, compressed
	Fault       error             // why its records cannot be read; nil: Records has them
	Records     []pipeline.Record // from the offset asked for
}

// String says where the batch is and why it cannot be read.
func (b *Batch) String() string {
	text := fmt.Sprintf("the batch at offsets %d to %d of %s/%d cannot be read: ", b.First, b.Last, b.Topic, b.Partition)
	if errors.Is(b.Fault, kgo.ErrMaxDecompress) {
		return text + "it unpacks to more than kafka.max_batch_bytes"
	}
	return text + b.Fault.Error()
}

// BatchAt reads the first batch with rows at an offset or behind it; nil where there is none. A batch that cannot be read
// is an answer, not an error. It asks the partition's leader for one batch after the other and passes those without rows:
// marks of transactions, rows of aborted ones, and what compaction left empty.
func (c Config) BatchAt(ctx context.Context, client *kgo.Client, topic string, partition int32, offset int64) (*Batch, error) {
	leader, id, err := leaderOf(ctx, client, topic, partition)
	if err != nil {
		return nil, err
	}
	for {
		part, err := c.fetchBatch(ctx, client.Broker(int(leader)), topic, id, partition, offset)
		if err != nil || len(part.RecordBatches) == 0 {
			return nil, err
		}
		var raw kmsg.RecordBatch
		if err := raw.ReadFrom(part.RecordBatches); err != nil || raw.Magic != 2 {
			return nil, fmt.Errorf("read %s/%d: what is at offset %d is not a record batch of Kafka 0.11 or later", topic, partition, offset)
		}
		b := &Batch{Topic: topic, Partition: partition, First: raw.FirstOffset, Last: raw.FirstOffset + int64(raw.LastOffsetDelta),
			Rows: int(raw.NumRecords), Bytes: 12 + int(raw.Length)} // an offset and the length come before what the length counts
		part.RecordBatches = part.RecordBatches[:b.Bytes]
		if b.Rows > 0 {
			b.unpack(client, c.IsolationLevel(), part, offset)
		}
		if b.Fault != nil || len(b.Records) > 0 {
			return b, nil
		}
		offset = b.Last + 1
	}
}

// unpack reads the batch as the consumer does.
func (b *Batch) unpack(client *kgo.Client, level kgo.IsolationLevel, part *kmsg.FetchResponseTopicPartition, offset int64) {
	opts := kgo.ProcessFetchPartitionOpts{Topic: b.Topic, Partition: b.Partition, Offset: offset, IsolationLevel: level}
	fetched, next := kgo.ProcessFetchPartition(opts, part, Decompressor(client), nil)
	if b.Fault = fetched.Err; b.Fault == nil && next <= b.Last {
		b.Fault = errors.New("its records are not as many as its header says, or damaged")
	}
	chunk, _ := newChunk(fetched.Records)
	b.Records = chunk.Records
}

// Decompressor unpacks batches as the client itself does, up to kafka.max_batch_bytes.
func Decompressor(client *kgo.Client) kgo.Decompressor {
	d, _ := client.OptValue(kgo.WithDecompressor).(kgo.Decompressor) // never nil: NewClient sets it
	return d
}

func leaderOf(ctx context.Context, client *kgo.Client, topic string, partition int32) (leader int32, id [16]byte, err error) {
	details, err := Describe(ctx, client, topic)
	d := details[topic]
	p, ok := d.Partitions[partition]
	if err := errors.Join(err, d.Err, p.Err); err != nil {
		return 0, id, fmt.Errorf("find the leader of %s/%d: %w", topic, partition, err)
	}
	if !ok {
		return 0, id, fmt.Errorf("topic %s has no partition %d", topic, partition)
	}
	return p.Leader, d.ID, nil
}

// fetchBatch asks for as little as a broker gives: the batch that holds the offset, or the next one.
func (c Config) fetchBatch(ctx context.Context, leader *kgo.Broker, topic string, id [16]byte, partition int32, offset int64) (*kmsg.FetchResponseTopicPartition, error) {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = topic, id, []kmsg.FetchRequestTopicPartition{p}
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = 500, 1, 1
	req.Topics = []kmsg.FetchRequestTopic{t}
	if c.Isolation == ReadCommitted {
		req.IsolationLevel = 1
	}
	answer, err := leader.RetriableRequest(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("read %s/%d at offset %d: %w", topic, partition, offset, err)
	}
	topics := answer.(*kmsg.FetchResponse).Topics
	if len(topics) == 0 || len(topics[0].Partitions) == 0 {
		return &kmsg.FetchResponseTopicPartition{}, nil
	}
	part := &topics[0].Partitions[0]
	if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
		return nil, fmt.Errorf("read %s/%d at offset %d: %w", topic, partition, offset, Lacking(err, "Read", "topic "+topic))
	}
	return part, nil
}
