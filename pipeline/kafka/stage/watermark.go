package stage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// WatermarkOptions are what a Watermark's neighbours do. The group has one topic, and its partitions are restored from
// itself.
type WatermarkOptions struct {
	Group
	// Restore begins to take a partition over, of which the group has committed that offset; 0 for none.
	Restore func(partition int32, committed int64) Restoration
	Take    func(records []pipeline.Record) error // of restored partitions; the records are its during the call alone
	Wait    func(ctx context.Context) error       // until there is room for more
	Revoked func(ctx context.Context, partitions []int32)
	Lost    func(partitions []int32)
	Refused func(error) // told why Kafka does not take what is written, and nil once it does; it must not block

	Records int // most records of a Take; default 10000
}

// Watermark is a member of a group that commits how far the work has come when it is told to. Run may be called once; Commit
// and Write work meanwhile.
type Watermark struct {
	cfg kafka.Config
	o   WatermarkOptions

	writer  *kgo.Client // outlives the members: what a call has left to be said again must not be lost
	refused atomic.Bool // Kafka did not take what was written last

	mu  sync.Mutex
	now *joined // nil: none
}

// joined is a member of the group.
type joined struct {
	client *kgo.Client
	member kafka.Membership
	fail   context.CancelCauseFunc // has it begin again
}

// NewWatermark makes one; it opens no connection. Close ends it, after Run.
func NewWatermark(cfg kafka.Config, o WatermarkOptions) (*Watermark, error) {
	o.Group = o.Group.withDefaults()
	if o.Records == 0 {
		o.Records = 10_000
	}
	if o.Refused == nil {
		o.Refused = func(error) {}
	}
	writer, err := cfg.NewClient(o.Name+"-writer", o.Log, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(writeLinger),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()))
	if err != nil {
		return nil, err
	}
	return &Watermark{cfg: cfg, o: o, writer: writer}, nil
}

// writeLinger has tombstones share requests.
const writeLinger = 10 * time.Millisecond

// Close waits for what was written, for a bounded moment, and ends.
func (w *Watermark) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), kafka.LastCommit)
	defer cancel()
	_ = w.writer.Flush(ctx)
	w.writer.Close()
}

// Run reads until ctx ends; then partitions are given up (Revoked), and the member leaves its group. What fails is told to
// Trouble and begun again.
func (w *Watermark) Run(ctx context.Context) { w.o.again(ctx, w.once) }

func (w *Watermark) once(ctx context.Context) error {
	own, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	topic := w.o.Topics[0]
	take := newTakeover(w.cfg, w.o.Group, topic, topic, fail)
	defer take.end()
	opts, err := w.o.options(w.cfg)
	if err != nil {
		return err
	}
	life, quit := context.WithCancel(context.Background())
	defer quit()
	now := &joined{fail: fail}
	turn := make(chan struct{}, 1)
	giveUp := func(client *kgo.Client, partitions []int32) {
		turn <- struct{}{} // a rebalance while this member ends waits until calls under way have ended, as the end does
		defer func() { <-turn }()
		w.revoked(take.drop(client, partitions))
	}
	client, err := kgo.NewClient(append(opts, kgo.WithContext(life),
		kgo.OnPartitionsAssigned(func(_ context.Context, client *kgo.Client, given map[string][]int32) {
			_ = now.member.Joined(client) // told with the next commit
			if ids := given[topic]; len(ids) > 0 {
				take.restore = w.restore(client)
				take.begin(own, client, ids)
			}
		}),
		kgo.OnPartitionsRevoked(func(_ context.Context, client *kgo.Client, gone map[string][]int32) {
			giveUp(client, gone[topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, client *kgo.Client, gone map[string][]int32) {
			now.member.Lost()
			w.o.Lost(take.drop(client, gone[topic]))
		}))...)
	if err != nil {
		return fmt.Errorf("join group %s: %w", w.o.Group.Group, err)
	}
	now.client = client
	w.use(now)
	err = w.poll(own, client)
	take.end()
	giveUp(client, take.owned()) // before leaving: it may have to wait for calls
	w.use(nil)
	leave(client, quit)
	return err
}

func (w *Watermark) use(now *joined) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

func (w *Watermark) using() *joined {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// revoked gives partitions up within what the group allows for it.
func (w *Watermark) revoked(partitions []int32) {
	if len(partitions) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.cfg.RevokeDrain.Std())
	defer cancel()
	w.o.Revoked(ctx, partitions)
}

// restore asks what the group has committed. No other instance commits for a partition that is ours.
func (w *Watermark) restore(client *kgo.Client) func(ctx context.Context, id int32) (Restoration, error) {
	return func(ctx context.Context, id int32) (Restoration, error) {
		offsets, err := kadm.NewClient(client).FetchOffsets(ctx, w.o.Group.Group)
		if err != nil {
			return Restoration{}, fmt.Errorf("fetch offsets of group %s: %w", w.o.Group.Group, err)
		}
		committed := int64(0)
		if o, ok := offsets.Lookup(w.o.Topics[0], id); ok {
			if o.Err != nil {
				return Restoration{}, fmt.Errorf("fetch offsets of group %s: %w", w.o.Group.Group, o.Err)
			}
			committed = max(o.At, 0)
		}
		return w.o.Restore(id, committed), nil
	}
}

func (w *Watermark) poll(ctx context.Context, client *kgo.Client) error {
	var records []pipeline.Record
	news := news{tell: w.o.Trouble}
	for ctx.Err() == nil {
		fetches := client.PollRecords(ctx, w.o.Records)
		err := failure(fetches)
		records = records[:0]
		fetches.EachRecord(func(r *kgo.Record) {
			records = append(records, pipeline.Record{})
			fromKafka(&records[len(records)-1], r)
		})
		if err == nil && len(records) > 0 {
			err = w.o.Take(records)
		}
		client.AllowRebalance()
		clear(records)
		if err != nil && ctx.Err() == nil {
			return err
		}
		news.of(fetches)
		if w.o.Wait(ctx) != nil {
			break
		}
	}
	return context.Cause(ctx)
}

// Commit has Kafka keep offsets, and reports of each partition whether it did. A member that was put out of its group does not
// commit any more: it gives all up and begins again.
func (w *Watermark) Commit(ctx context.Context, offsets map[int32]int64) map[int32]bool {
	ok := map[int32]bool{}
	now := w.using()
	if now == nil {
		return ok
	}
	ctx, cancel := context.WithTimeout(ctx, w.cfg.SessionTimeout.Std())
	defer cancel()
	of := map[int32]kgo.EpochOffset{}
	for id, at := range offsets {
		of[id] = kgo.EpochOffset{Epoch: -1, Offset: at}
	}
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error { return now.member.Check(r.MemberID) })
	now.client.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{w.o.Topics[0]: of},
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
			if errors.Is(err, kafka.ErrPutOut) {
				now.fail(kafka.ErrPutOut)
			}
			if err != nil || answer == nil {
				return
			}
			for _, t := range answer.Topics {
				for _, p := range t.Partitions {
					ok[p.Partition] = p.ErrorCode == 0
				}
			}
		})
	return ok
}

// Write writes a record, in no transaction; it copies key and value. A nil value is a tombstone. It returns at once, and the record
// is tried for as long as Close has not come, in no special order. What Kafka refuses is told to Refused, and so is that it takes records again.
func (w *Watermark) Write(topic string, partition int32, key, value []byte) {
	w.produce(&kgo.Record{Topic: topic, Partition: partition, Key: bytes.Clone(key), Value: bytes.Clone(value)})
}

func (w *Watermark) produce(r *kgo.Record) {
	w.writer.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
		switch {
		case errors.Is(err, kgo.ErrClientClosed):
		case err != nil:
			w.refused.Store(true)
			w.o.Refused(kafka.Refusal(r.Topic, len(r.Key)+len(r.Value), err))
			time.AfterFunc(writeAgain, func() { w.produce(&kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value}) })
		case w.refused.CompareAndSwap(true, false):
			w.o.Refused(nil)
		}
	})
}

// writeAgain is the pause before a record is written again that Kafka has refused.
const writeAgain = 2 * time.Second
