package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Producer writes records with acks=all, idempotently, and is safe for concurrent use.
type Producer struct {
	dial   func() (*writers, error)
	remake func(ctx context.Context, topic string) error

	mu  sync.Mutex
	now *writers // nil: to be made
}

// writers are the clients of a Producer, until a topic of theirs is deleted.
type writers struct {
	usual *kgo.Client
	large *kgo.Client // for records that do not fit a usual batch: one by one
}

func (w *writers) close() {
	w.usual.Close()
	w.large.Close()
}

const (
	// deliveryTimeout ends an attempt; the caller decides about another one. It is a context's: the client's own counts from the
	// record's time, so that what is tried again after half a minute would fail at once, for ever.
	deliveryTimeout = 30 * time.Second
	// largestBatch leaves the verdict on large records to the topic's max.message.bytes, which only the broker knows.
	largestBatch = 64 << 20
)

// NewProducer makes a producer; it connects when the first record comes. Records that Kafka does not acknowledge within
// half a minute come back with an error: the caller them decides, and tries again.
func NewProducer(cfg Config, name string, log *slog.Logger) (*Producer, error) {
	opts := []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerBatchCompression(cfg.codecs()...),
		kgo.UnknownTopicRetries(4),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(choosePartition)),
		// A letter in doubt is better written twice than waited for without end: letters have an id.
		kgo.AllowIdempotentProduceCancellation(),
	}
	p := &Producer{dial: func() (*writers, error) {
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
	}}
	_, err := p.writers()
	return p, err
}

// codecs are what batches are compressed with: the first that the broker knows.
func (c Config) codecs() []kgo.CompressionCodec {
	if c.Codecs != nil {
		return c.Codecs
	}
	return []kgo.CompressionCodec{kgo.ZstdCompression(), kgo.SnappyCompression(), kgo.NoCompression()}
}

// writers are the clients of this moment.
func (p *Producer) writers() (*writers, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil {
		return p.now, nil
	}
	w, err := p.dial()
	if err == nil {
		p.now = w
	}
	return w, err
}

// replace has new clients made in the place of these: a client keeps to the id of a topic that was deleted. One that is told to forget
// the topic numbers its batches from 0 again, and a broker takes such a batch for one that it has already, acknowledges it and drops it.
func (p *Producer) replace(old *writers) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == old {
		p.now = nil
		old.close()
	}
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
			remade[topic] = p.beginAgain(ctx, topic, used)
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

// gone reports whether a record was refused because its topic was deleted, or is another one of the name by now.
func gone(err error) bool {
	return errors.Is(err, kerr.UnknownTopicID) || errors.Is(err, kerr.UnknownTopicOrPartition)
}

// beginAgain has a topic made again, and written to by other clients than those that were used.
func (p *Producer) beginAgain(ctx context.Context, topic string, used *writers) error {
	if p.remake != nil {
		if err := p.remake(ctx, topic); err != nil {
			return err
		}
	}
	p.replace(used)
	return nil
}

// try produces the records once, with the clients that it names.
func (p *Producer) try(ctx context.Context, records []pipeline.Record) ([]error, *writers) {
	errs := make([]error, len(records))
	w, err := p.writers()
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs, nil
	}
	attempt, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	var answers sync.WaitGroup
	answers.Add(len(records))
	for i := range records {
		w.usual.Produce(attempt, toKafka(&records[i]), func(r *kgo.Record, err error) {
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
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			err = fmt.Errorf("not acknowledged within %v", deliveryTimeout)
		}
		errs[i] = produceError(&records[i], err)
	}
	return errs, w
}

// alone produces a record that the usual batch has no room for, or that shared a batch too large for the topic.
func (w *writers) alone(ctx context.Context, r *pipeline.Record) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now != nil {
		p.now.close()
	}
}
