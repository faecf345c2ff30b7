package stage

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Copy makes records of other records once and for all, whatever instances do so at the same time. Only the last that has begun
// writes: it puts out those before it.
type Copy struct {
	Name string // of its transactional id, and of the client as brokers see it
	// Read calls each for every record there is.
	Read func(ctx context.Context, each func(*pipeline.Record) error) error
	Make func(r *pipeline.Record, write kafka.Write)
	// Done reports whether it was done before, and Note has it remembered that it was.
	Done func(ctx context.Context) (bool, error)
	Note func(ctx context.Context) error
	// Last is a record without meaning: that it is written shows that nobody has begun after us.
	Last kgo.Record
	Log  *slog.Logger
}

// copyAtOnce is how many records a transaction has.
const copyAtOnce = 10_000

// Run returns how many records it has made records of; none where that was done before.
func (c Copy) Run(ctx context.Context, cfg kafka.Config) (n int, err error) {
	opts, err := cfg.Options(c.Name, c.Log)
	if err != nil {
		return 0, err
	}
	client, err := kgo.NewClient(append(opts, kgo.TransactionalID(c.Name), kgo.TransactionTimeout(kafka.TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()))...)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	defer context.AfterFunc(ctx, client.Close)()
	if _, _, err := client.ProducerID(ctx); err != nil { // from here on nobody who began before us writes
		return 0, fmt.Errorf("begin to write in transactions: %w", err)
	}
	if done, err := c.Done(ctx); done || err != nil {
		return 0, err
	}
	if n, err = c.copy(ctx, client); err != nil {
		return n, err
	}
	if err := c.Note(ctx); err != nil {
		return n, err
	}
	return n, c.transact(ctx, client, func(write kafka.Write) error {
		write(c.Last.Topic, c.Last.Partition, c.Last.Key, c.Last.Value)
		return nil
	})
}

// copy makes records of all there are, some at a time.
func (c Copy) copy(ctx context.Context, client *kgo.Client) (n int, err error) {
	var some []pipeline.Record
	flush := func() error {
		if len(some) == 0 {
			return nil
		}
		defer func() { some = some[:0] }()
		return c.transact(ctx, client, func(write kafka.Write) error {
			for i := range some {
				c.Make(&some[i], write)
			}
			return nil
		})
	}
	err = c.Read(ctx, func(r *pipeline.Record) error {
		kept := *r
		kept.Key, kept.Value = append([]byte(nil), r.Key...), append([]byte(nil), r.Value...)
		some = append(some, kept)
		if n++; len(some) < copyAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return n, err
}

// transact writes in a transaction of its own.
func (c Copy) transact(ctx context.Context, client *kgo.Client, do func(kafka.Write) error) error {
	if err := client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	var b Batch
	b.writeBy(ctx, client)
	err := do(b.Write)
	if err == nil {
		err = client.Flush(ctx)
	}
	if err == nil {
		err = b.failed()
	}
	if end := client.EndTransaction(ctx, kgo.TransactionEndTry(err == nil)); err == nil && end != nil {
		err = fmt.Errorf("end a transaction: %w", end)
	}
	return err
}
