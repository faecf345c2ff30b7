package stage

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Restoration is one partition that is being taken over.
type Restoration struct {
	Take func(*pipeline.Record) error // a record behind the barrier; they come in their order
	Own  func(end int64)              // the partition is ours: end is where it ended
}

// takeover restores partitions that the group gives to this member, while others are read on: one that is being restored
// is not read.
type takeover struct {
	cfg     kafka.Config
	group   Group
	topic   string // whose partitions are read by the group
	from    string // whose partitions are read to restore them
	restore func(ctx context.Context, partition int32) (Restoration, error)
	failed  context.CancelCauseFunc

	room chan struct{} // restorations at a time
	work sync.WaitGroup

	mu      sync.Mutex
	current map[int32]*taken
	began   time.Time // when the first of those was given that are being restored
}

// taken is a partition that is ours, or is being restored.
type taken struct {
	cancel   context.CancelFunc
	restored bool
}

// atOnce bounds what restorations take of memory and of the brokers.
const atOnce = 3

func newTakeover(cfg kafka.Config, g Group, topic, from string, failed context.CancelCauseFunc) *takeover {
	cfg.Metrics = nil // of clients that come and go
	return &takeover{cfg: cfg, group: g, topic: topic, from: from, failed: failed, room: make(chan struct{}, atOnce), current: map[int32]*taken{}}
}

// begin begins to restore partitions; they are read once that is done.
func (t *takeover) begin(ctx context.Context, client *kgo.Client, partitions []int32) {
	client.PauseFetchPartitions(map[string][]int32{t.topic: partitions})
	for _, id := range partitions {
		ctx, cancel := context.WithCancel(ctx)
		now := &taken{cancel: cancel}
		t.mu.Lock()
		if before := t.current[id]; before != nil {
			before.cancel()
		}
		if !t.isRestoring() {
			t.began = time.Now()
		}
		t.current[id] = now
		t.mu.Unlock()
		t.work.Go(func() { t.one(ctx, client, id, now) })
	}
}

func (t *takeover) one(ctx context.Context, client *kgo.Client, id int32, now *taken) {
	select {
	case t.room <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-t.room }()
	r, end, err := t.read(ctx, id)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		t.failed(fmt.Errorf("restore %s/%d: %w", t.from, id, err))
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current[id] != now {
		return
	}
	now.restored = true
	r.Own(end)
	if !t.isRestoring() {
		t.group.Metrics.restored(t.group.Stage, time.Since(t.began))
	}
	client.ResumeFetchPartitions(map[string][]int32{t.topic: {id}})
}

// isRestoring reports whether a partition is being restored. The caller holds mu.
func (t *takeover) isRestoring() bool {
	for _, now := range t.current {
		if !now.restored {
			return true
		}
	}
	return false
}

func (t *takeover) read(ctx context.Context, id int32) (r Restoration, end int64, err error) {
	if r, err = t.restore(ctx, id); err != nil {
		return r, 0, err
	}
	end, err = t.group.readToBarrier(ctx, t.cfg, t.from, id, r.Take)
	return r, end, err
}

// drop ends restorations of partitions, and forgets them. It returns those that were restored.
func (t *takeover) drop(client *kgo.Client, partitions []int32) (owned []int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range partitions {
		if now := t.current[id]; now != nil {
			now.cancel()
			delete(t.current, id)
			if now.restored {
				owned = append(owned, id)
			}
		}
	}
	client.ResumeFetchPartitions(map[string][]int32{t.topic: partitions})
	return owned
}

// owned are the partitions that were restored.
func (t *takeover) owned() (list []int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, now := range t.current {
		if now.restored {
			list = append(list, id)
		}
	}
	return list
}

// end ends all restorations, and waits for them.
func (t *takeover) end() {
	t.mu.Lock()
	for _, now := range t.current {
		now.cancel()
	}
	t.mu.Unlock()
	t.work.Wait()
}

// barrierKey is the key of barriers: they have no value, so that compaction clears them away.
var barrierKey = []byte("barrier")

// restoreBytes bounds an answer of a broker while a partition is restored.
const restoreBytes = 8 << 20

// readToBarrier calls each for what is committed of a partition, from its start to a record that it writes to it for this,
// and returns where that is. Whatever was open before is decided when it comes, and gaps that compaction has made do not
// matter: silence is never taken for an end. The record is each's during the call alone, its bytes are each's to keep.
func (g Group) readToBarrier(ctx context.Context, cfg kafka.Config, topic string, id int32, each func(*pipeline.Record) error) (end int64, err error) {
	opts, err := cfg.Options(g.Name, g.Log)
	if err != nil {
		return 0, err
	}
	life, quit := context.WithCancel(context.Background())
	client, err := kgo.NewClient(append(opts, kgo.WithContext(life),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {id: kgo.NewOffset().AtStart()}}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), cfg.FetchMaxWait(),
		kgo.FetchMaxBytes(restoreBytes), kgo.FetchMaxPartitionBytes(restoreBytes), kgo.MaxConcurrentFetches(1),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))...)
	if err != nil {
		quit()
		return 0, err
	}
	defer client.Close()
	defer quit() // before Close: with Kafka away, nothing ends by itself
	barrier := &kgo.Record{Topic: topic, Partition: id, Key: barrierKey}
	if err := written(ctx, client, barrier); err != nil {
		return 0, fmt.Errorf("write a barrier: %w", err)
	}
	var rec pipeline.Record
	for end = -1; end < 0; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		err := failure(fetches)
		fetches.EachRecord(func(r *kgo.Record) {
			switch {
			case r.Offset >= barrier.Offset:
				end = barrier.Offset
			case err == nil && !bytes.Equal(r.Key, barrierKey):
				fromKafka(&rec, r)
				err = each(&rec)
			}
		})
		if err != nil {
			return 0, err
		}
	}
	return end, nil
}

// written writes a record, and waits until that is done or ctx ends: franz-go never says of a record what became of it that comes to a
// client while that is closed, nor gives one up that may be on the wire when its context ends.
func written(ctx context.Context, client *kgo.Client, r *kgo.Record) error {
	done := make(chan error, 1)
	client.Produce(ctx, r, func(_ *kgo.Record, err error) { done <- err })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
