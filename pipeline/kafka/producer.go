package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Producer writes records with acks=all, idempotently, and is safe for concurrent use.
type Producer struct{ renewed[*writers] }

// writers are the clients of a Producer, until a topic of theirs is deleted.
type writers struct {
	usual *kgo.Client
	large *kgo.Client // for records that do not fit a usual batch: one by one
}

// Close ends the connections.
func (w *writers) Close() {
	w.usual.Close()
	w.large.Close()
}

// largestBatch leaves the verdict on large records to the topic's max.message.bytes, which only the broker knows.
const largestBatch = 64 << 20

// NewProducer makes a producer; it connects when the first record comes. remake makes a topic again that was deleted, or says why not; nil: nothing
// does. Records that Kafka does not acknowledge within half a minute come back with an error: the caller decides, and tries again.
func NewProducer(cfg Config, name string, log *slog.Logger, remake func(ctx context.Context, topic string) error) *Producer {
	opts := []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(cfg.codecs()...),
		kgo.UnknownTopicRetries(4),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(choosePartition)),
		// A letter in doubt is better written twice than waited for without end: letters have an id.
		kgo.AllowIdempotentProduceCancellation(),
	}
	return &Producer{renewed[*writers]{remake: remake, dial: func() (*writers, error) {
		usual, err := cfg.NewClient(name, log, opts...)
		if err != nil {
			return nil, err
		}
		large, err := cfg.newClient(name, name+"-large", log, slices.Concat(opts, []kgo.Opt{kgo.ProducerBatchMaxBytes(largestBatch), kgo.MaxBufferedRecords(1)}))
		if err != nil {
			usual.Close()
			return nil, err
		}
		return &writers{usual, large}, nil
	}}}
}

// codecs are what batches are compressed with: the first that the broker knows.
func (c Config) codecs() []kgo.CompressionCodec {
	if c.Codecs != nil {
		return c.Codecs
	}
	return []kgo.CompressionCodec{kgo.ZstdCompression(), kgo.SnappyCompression(), kgo.NoCompression()}
}

// BatchBytes is what topics of audiences have to take at once (max.message.bytes): what is written in transactions, and the largest row of an
// audience, is less.
const BatchBytes = 1 << 20

// TooLarge says that Kafka will never take the record as it is: the topic's max.message.bytes forbids it, or forbids the batch that it is in.
type TooLarge struct {
	Topic string
	Bytes int
}

func (e *TooLarge) Error() string {
	return fmt.Sprintf("write to topic %s: %d bytes, or the batch that they are in, are more than it takes: raise its max.message.bytes, to %d at least", e.Topic, e.Bytes, BatchBytes)
}

// Refusal is Kafka's error of a record that it did not take, of a number of bytes; *TooLarge where that is the reason.
func Refusal(topic string, bytes int, err error) error {
	switch {
	case err == nil:
		return nil
	case tooLarge(err):
		return &TooLarge{Topic: topic, Bytes: bytes}
	}
	return Lacking(fmt.Errorf("write to topic %s: %w", topic, err), "Write", "topic "+topic)
}

func isTooLarge(err error) bool {
	_, is := errors.AsType[*TooLarge](err)
	return is
}

// Produce writes the records and returns when each of them is acknowledged or given up: one error per record, nil for
// the acknowledged ones, *TooLarge where trying again is of no use. A record goes to its Partition, or, where that is -1,
// where its key belongs. Acknowledged records have their Partition and Offset set.
func (p *Producer) Produce(ctx context.Context, records []pipeline.Record) []error {
	errs, used := p.try(ctx, records)
	var again []pipeline.Record
	var places []int
	remade := map[string]error{}
	for i := range records {
		if !gone(errs[i]) {
			continue
		}
		topic := records[i].Topic
		if _, known := remade[topic]; !known {
			remade[topic] = p.again(ctx, topic, used)
		}
		if errs[i] = remade[topic]; errs[i] == nil {
			again, places = append(again, records[i]), append(places, i)
		}
	}
	if len(again) == 0 {
		return errs
	}
	second, _ := p.try(ctx, again)
	for k, err := range second {
		errs[places[k]], records[places[k]] = err, again[k]
	}
	return errs
}

// try produces the records once, with the clients that it names.
func (p *Producer) try(ctx context.Context, records []pipeline.Record) ([]error, *writers) {
	errs := make([]error, len(records))
	w, err := p.client()
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs, nil
	}
	bounded, cancel := attempt(ctx)
	defer cancel()
	var answers sync.WaitGroup
	answers.Add(len(records))
	for i := range records {
		w.usual.Produce(bounded, toKafka(&records[i]), func(r *kgo.Record, err error) {
			if errs[i] = err; err == nil {
				records[i].Partition, records[i].Offset = r.Partition, r.Offset
			}
			answers.Done()
		})
	}
	answers.Wait()
	for i, err := range errs {
		if tooLarge(err) {
			err = w.alone(ctx, &records[i])
		}
		errs[i] = Refusal(records[i].Topic, len(records[i].Key)+len(records[i].Value), late(ctx, err))
	}
	return errs, w
}

// alone produces a record that the usual batch has no room for, or that shared a batch too large for the topic.
func (w *writers) alone(ctx context.Context, r *pipeline.Record) error {
	ctx, cancel := attempt(ctx)
	defer cancel()
	return w.large.ProduceSync(ctx, toKafka(r)).FirstErr()
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
