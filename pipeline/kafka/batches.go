package kafka

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Batches writes records by the batch, to partitions that the caller names. It is safe for concurrent use.
type Batches struct {
	renewed[*kgo.Client]
	records sync.Pool // of *[]kgo.Record: memory
}

// NewBatches makes one; it connects when the first record comes. remake makes a topic again that was deleted, or says why not.
func NewBatches(cfg Config, name string, log *slog.Logger, remake func(ctx context.Context, topic string) error) *Batches {
	return &Batches{renewed: renewed[*kgo.Client]{remake: remake, dial: func() (*kgo.Client, error) {
		return cfg.NewClient(name, log,
			kgo.RequiredAcks(kgo.AllISRAcks()),
			kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
			kgo.UnknownTopicRetries(4),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerLinger(0),
			kgo.AllowIdempotentProduceCancellation(), // a record in doubt is written again: the last one counts
		)
	}}}
}

// Batch writes records and returns nil once Kafka has acknowledged all of them; nothing is kept of keys and values then.
func (b *Batches) Batch(ctx context.Context, topic string, partition int32, keys, values [][]byte) error {
	used, err := b.produceAll(ctx, topic, partition, keys, values)
	if gone(err) {
		if err = b.again(ctx, topic, used); err == nil {
			_, err = b.produceAll(ctx, topic, partition, keys, values)
		}
	}
	return err
}

// produceAll returns the client that it used, and the first error of a record.
func (b *Batches) produceAll(ctx context.Context, topic string, partition int32, keys, values [][]byte) (*kgo.Client, error) {
	client, err := b.client()
	if err != nil {
		return nil, err
	}
	bounded, cancel := attempt(ctx)
	defer cancel()
	var answers sync.WaitGroup
	var once sync.Once
	var failed error
	answers.Add(len(values))
	done := func(r *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { failed = Refusal(topic, len(r.Key)+len(r.Value), late(ctx, err)) })
		}
		answers.Done()
	}
	used, _ := b.records.Get().(*[]kgo.Record)
	if used == nil {
		used = new([]kgo.Record)
	}
	records := slices.Grow((*used)[:0], len(values))[:len(values)]
	for i := range values {
		records[i] = kgo.Record{Topic: topic, Partition: partition, Key: keys[i], Value: values[i]}
		client.Produce(bounded, &records[i], done)
	}
	if answers.Wait(); failed == nil { // else the client may look at them yet
		clear(records)
		*used = records
		b.records.Put(used)
	}
	return client, failed
}
