package stage

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Batch is a transaction's worth of records, of one or several partitions, each partition's in their order. They are the
// handler's until it returns.
type Batch struct {
	Records []pipeline.Record

	client *kgo.Client
	ctx    context.Context // of the client: a record under way is not given up before
	moves  bool            // there is something to commit, if only markers of transactions
	size   int
	slab   kafka.Slab // of written records

	answered func(*kgo.Record, error) // done, once: a method as a value is allocated

	mu  sync.Mutex
	err error // of the first record that Kafka refused
}

// writeBy has records written by a client.
func (b *Batch) writeBy(ctx context.Context, client *kgo.Client) {
	b.client, b.ctx, b.answered = client, ctx, b.done
}

func (b *Batch) reset() {
	clear(b.Records)
	b.Records, b.size, b.moves, b.err = b.Records[:0], 0, false, nil
	b.slab.Reset()
}

// add takes over what was read.
func (b *Batch) add(fetches kgo.Fetches) (n int) {
	fetches.EachRecord(func(r *kgo.Record) {
		if b.moves = true; r.Attrs.IsControl() {
			return
		}
		n++
		b.size += len(r.Key) + len(r.Value)
		b.Records = append(b.Records, pipeline.Record{})
		fromKafka(&b.Records[len(b.Records)-1], r)
	})
	return n
}

// Write writes a record in the transaction; it copies key and value. A nil value is a tombstone. One that Kafka refuses aborts the
// transaction.
func (b *Batch) Write(topic string, partition int32, key, value []byte) {
	b.client.Produce(b.ctx, b.slab.Record(topic, partition, key, value), b.answered)
}

func (b *Batch) done(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = kafka.Refusal(r.Topic, len(r.Key)+len(r.Value), err)
	}
}

// failed is the error of the first record that Kafka refused.
func (b *Batch) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
