package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Batches writes records by the batch, to partitions that the caller names. It is safe for concurrent use.
type Batches struct {
	dial   func() (*kgo.Client, error)
	remake func(ctx context.Context, topic string) error

	records sync.Pool // of *[]kgo.Record: memory

	mu  sync.Mutex
	now *kgo.Client // nil: to be made
}

// NewBatches makes one; it connects when the first record comes. remake makes a topic again that was deleted, or says why not.
func NewBatches(cfg Config, name string, log *slog.Logger, remake func(ctx context.Context, topic string) error) *Batches {
	return &Batches{remake: remake, dial: func() (*kgo.Client, error) {
		return cfg.NewClient(name, log,
			kgo.RequiredAcks(kgo.AllISRAcks()),
			kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()),
			kgo.RecordDeliveryTimeout(deliveryTimeout),
			kgo.UnknownTopicRetries(4),
			kgo.RecordPartitioner(kgo.ManualPartitioner()),
			kgo.ProducerLinger(0),
			kgo.AllowIdempotentProduceCancellation(), // a record in doubt is written again: the last one counts
		)
	}}
}

// Batch writes records and returns nil once Kafka has acknowledged all of them; nothing is kept of keys and values then.
func (b *Batches) Batch(ctx context.Context, topic string, partition int32, keys, values [][]byte) error {
	client, err := b.client()
	if err != nil {
		return err
	}
	if err = b.produceAll(ctx, client, topic, partition, keys, values); !gone(err) {
		return wrapped(topic, err)
	}
	if err := b.remake(ctx, topic); err != nil {
		return err
	}
	b.replace(client)
	if client, err = b.client(); err != nil {
		return err
	}
	return wrapped(topic, b.produceAll(ctx, client, topic, partition, keys, values))
}

func wrapped(topic string, err error) error {
	if err != nil {
		return fmt.Errorf("produce to %s: %w", topic, err)
	}
	return nil
}

// produceAll returns the first error of a record.
func (b *Batches) produceAll(ctx context.Context, client *kgo.Client, topic string, partition int32, keys, values [][]byte) error {
	var answers sync.WaitGroup
	var once sync.Once
	var failed error
	answers.Add(len(values))
	done := func(_ *kgo.Record, err error) {
		if err != nil {
			once.Do(func() { failed = err })
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
		client.Produce(ctx, &records[i], done)
	}
	if answers.Wait(); failed == nil { // else the client may look at them yet
		clear(records)
		*used = records
		b.records.Put(used)
	}
	return failed
}

// client is the one of this moment.
func (b *Batches) client() (*kgo.Client, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now != nil {
		return b.now, nil
	}
	client, err := b.dial()
	b.now = client
	return client, err
}

// replace has a new client made in the place of this one: see Producer.replace.
func (b *Batches) replace(old *kgo.Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now == old {
		b.now = nil
		old.Close()
	}
}

// Close ends the connections. Calls still waiting return with errors.
func (b *Batches) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now != nil {
		b.now.Close()
	}
}
