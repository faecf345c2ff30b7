package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Producer writes records with acks=all, idempotently, and is safe for concurrent use.
type Producer struct {
	client *kgo.Client
	large  *kgo.Client // for records that do not fit a usual batch: one by one

	remake func(ctx context.Context, topic string) error
}

const (
	// deliveryTimeout ends an attempt; the caller decides about another one.
	deliveryTimeout = 30 * time.Second
	// largestBatch leaves the verdict on large records to the topic's max.message.bytes, which only the broker knows.
	largestBatch = 64 << 20
)

// NewProducer makes a producer; it connects when the first record comes. Records that Kafka does not acknowledge within
// half a minute come back with an error: the caller them decides, and tries again.
func NewProducer(cfg Config, name string, log *slog.Logger) (*Producer, error) {
	opts := []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(kgo.ZstdCompression(), kgo.SnappyCompression(), kgo.NoCompression()),
		kgo.RecordDeliveryTimeout(deliveryTimeout),
		kgo.UnknownTopicRetries(4),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(choosePartition)),
		// A letter in doubt is better written twice than waited for without end: letters have an id.
		kgo.AllowIdempotentProduceCancellation(),
	}
	client, err := cfg.NewClient(name, log, opts...)
	if err != nil {
		return nil, err
	}
	large, err := cfg.newClient(name, name+"-large", log, append(opts, kgo.ProducerBatchMaxBytes(largestBatch), kgo.MaxBufferedRecords(1)))
	if err != nil {
		client.Close()
		return nil, err
	}
	return &Producer{client: client, large: large}, nil
}

// Remake sets what makes a topic again that was deleted, or says why not. Call it before the first Produce.
func (p *Producer) Remake(remake func(ctx context.Context, topic string) error) { p.remake = remake }

// TooLarge says that Kafka will never take the record as it is: the topic's max.message.bytes forbids it.
type TooLarge struct {
	Topic string
	Bytes int
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("produce to %s: a record of %d bytes is more than the topic takes", e.Topic, e.Bytes)
}

// Produce writes the records and returns when each of them is acknowledged or given up: one error per record, nil for
// the acknowledged ones, *TooLarge where trying again is of no use. A record goes to its Partition, or, where that is -1,
// where its key belongs. Acknowledged records have their Partition and Offset set.
func (p *Producer) Produce(ctx context.Context, records []pipeline.Record) []error {
	errs := p.try(ctx, records)
	var again []pipeline.Record
	var places []int
	remade := map[string]error{}
	for i := range records {
		if !gone(errs[i]) {
			continue
		}
		topic := records[i].Topic
		if _, known := remade[topic]; !known {
			remade[topic] = p.beginAgain(ctx, topic)
		}
		if errs[i] = remade[topic]; errs[i] == nil {
			again, places = append(again, records[i]), append(places, i)
		}
	}
	if len(again) == 0 {
		return errs
	}
	for k, err := range p.try(ctx, again) {
		errs[places[k]], records[places[k]] = err, again[k]
	}
	return errs
}

// gone reports whether a record was refused because its topic was deleted, or is another one of the name by now.
func gone(err error) bool {
	return errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition)
}

// beginAgain has a topic made again and makes franz-go forget the old one: by itself it keeps to its id for good.
func (p *Producer) beginAgain(ctx context.Context, topic string) error {
	var err error
	if p.remake != nil {
		err = p.remake(ctx, topic)
	}
	p.client.PurgeTopicsFromProducing(topic)
	p.large.PurgeTopicsFromProducing(topic)
	return err
}

// try produces the records once.
func (p *Producer) try(ctx context.Context, records []pipeline.Record) []error {
	errs := make([]error, len(records))
	var answers sync.WaitGroup
	answers.Add(len(records))
	for i := range records {
		p.client.Produce(ctx, toKafka(&records[i]), func(r *kgo.Record, err error) {
			if errs[i] = err; err == nil {
				records[i].Partition, records[i].Offset = r.Partition, r.Offset
			}
			answers.Done()
		})
	}
	answers.Wait()
	for i, err := range errs {
		if tooLarge(err) {
			err = p.alone(ctx, &records[i])
		}
		errs[i] = produceError(&records[i], err)
	}
	return errs
}

// alone produces a record that the usual batch has no room for, or that shared a batch too large for the topic.
func (p *Producer) alone(ctx context.Context, r *pipeline.Record) error {
	return p.large.ProduceSync(ctx, toKafka(r)).FirstErr()
}

func toKafka(r *pipeline.Record) *kgo.Record {
	headers := make([]kgo.RecordHeader, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
	}
	return &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: headers, Timestamp: r.Timestamp}
}

// choosePartition keeps a record's own partition, and finds that of the others by key as Kafka's own clients do.
func choosePartition(topic string) func(*kgo.Record, int) int {
	byKey := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	return func(r *kgo.Record, n int) int {
		if int(r.Partition) >= 0 && int(r.Partition) < n {
			return int(r.Partition)
		}
		return byKey.Partition(r, n)
	}
}

func tooLarge(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge)
}

func produceError(r *pipeline.Record, err error) error {
	switch {
	case err == nil:
		return nil
	case tooLarge(err):
		return &TooLarge{Topic: r.Topic, Bytes: len(r.Key) + len(r.Value)}
	}
	return fmt.Errorf("produce to %s: %w", r.Topic, err)
}

// Close ends the producer. Produce calls still waiting return with errors.
func (p *Producer) Close() {
	p.client.Close()
	p.large.Close()
}
