package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// TestMembersComeAndGoAndNothingIsLost has members join and leave under load while chunks are nacked at random and
// requests fail. Every row settles, commits pass no unsettled row and never go back, and with a window of one a
// partition's rows settle in their order.
func TestMembersComeAndGoAndNothingIsLost(t *testing.T) {
	for _, protocol := range []string{Classic, NextGen} {
		for _, window := range []int{1, 4} {
			t.Run(fmt.Sprintf("%s, window %d", protocol, window), func(t *testing.T) {
				t.Parallel()
				churn(t, protocol, window)
			})
		}
	}
}

func churn(t *testing.T, protocol string, window int) {
	const partitions, each = 6, 2000
	cluster := newCluster(t, partitions, kfake.GroupMinSessionTimeout(time.Second),
		kfake.BrokerConfigs(map[string]string{"group.consumer.heartbeat.interval.ms": "200"}))
	for p := range int32(partitions) {
		produceTo(t, cluster, testTopic, p, each)
	}
	b := newBook(t, cluster)
	cluster.Fault(
		kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorNotAvailable, Count: 2},
		kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 3},
	)
	h := &sloppy{book: b, rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)), ordered: window == 1, last: map[topicPartition]int64{}}
	set := func(cfg *Config, o *ConsumerOptions) {
		cfg.Protocol, o.Window, o.MaxChunk = protocol, window, 100
		cfg.Budget, cfg.SessionTimeout = 1<<20, settings.Duration(3*time.Second)
	}
	first := join(t, cluster, h.offer, set)
	reached(t, b, partitions*each/8)
	second := join(t, cluster, h.offer, set)
	reached(t, b, partitions*each*2/8)
	third := join(t, cluster, h.offer, set)
	reached(t, b, partitions*each*3/8)
	first.leave(t)
	reached(t, b, partitions*each*5/8)
	third.leave(t)
	reached(t, b, partitions*each)
	eventually(t, "the group commits every end", func() bool {
		for p := range int32(partitions) {
			if committed(cluster, testTopic, p) != each {
				return false
			}
		}
		return true
	})
	second.leave(t)
	rows, times := b.rows()
	t.Logf("%d rows settled %d times", rows, times)
}

func reached(t *testing.T, b *book, rows int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d rows settle", rows), func() bool { n, _ := b.rows(); return n >= rows })
}

// sloppy handlers take a while and nack one chunk in ten.
type sloppy struct {
	book    *book
	ordered bool

	mu   sync.Mutex
	rng  *rand.Rand
	last map[topicPartition]int64
}

func (s *sloppy) offer(ctx context.Context, c *pipeline.Chunk) pipeline.Ticket {
	s.mu.Lock()
	wait, good := time.Duration(s.rng.IntN(20))*time.Millisecond, s.rng.IntN(10) > 0
	s.mu.Unlock()
	acked, nacked := make(chan struct{}), make(chan struct{})
	go func() {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			good = false
		}
		if !good {
			close(nacked)
			return
		}
		s.inOrder(c)
		s.book.settle(c)
		close(acked)
	}()
	return pipeline.Ticket{Acked: acked, Nacked: nacked}
}

// inOrder checks that no chunk overtakes an earlier one; one that comes again after a rebalance is none that overtakes.
func (s *sloppy) inOrder(c *pipeline.Chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := topicPartition{c.Topic, c.Partition}
	if from := c.Records[0].Offset; s.ordered && from > s.last[key] {
		s.book.t.Errorf("%v: chunk from %d settles before %d", key, from, s.last[key])
	}
	s.last[key] = max(s.last[key], c.Records[len(c.Records)-1].Offset+1)
}

func TestShutdownWaitsForChunksInFlightAndCommitsThem(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 30)
	b := newBook(t, cluster)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) { o.MaxChunk = 10 })
	held := []*handed{<-chunks, <-chunks, <-chunks}
	m.stop()
	for _, h := range held {
		if h.ctx.Err() != nil {
			t.Fatal("the handling was cancelled with the intake")
		}
		b.settle(h.chunk)
		close(h.acked)
	}
	if err := <-m.ended; err != nil {
		t.Fatalf("Run: got %v, want nil", err)
	}
	if got := committed(cluster, testTopic, 0); got != 30 {
		t.Errorf("committed %d, want 30", got)
	}
	if g := cluster.GroupInfo(testGroup); len(g.Members) != 0 {
		t.Errorf("%d members are left in the group, want none", len(g.Members))
	}
}

func TestAMissedDrainDeadlineIsToldAndCommitsOnlyWhatSettledInOrder(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 30)
	b := newBook(t, cluster)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) { o.MaxChunk, o.Drain = 10, 50*time.Millisecond })
	first, second, third := <-chunks, <-chunks, <-chunks
	b.settle(first.chunk)
	close(first.acked)
	b.settle(third.chunk)
	close(third.acked)
	m.stop()
	<-second.ctx.Done()
	second.nack()
	err := <-m.ended
	missed, ok := err.(*DrainMissed)
	if !ok || missed.Rows != 10 {
		t.Fatalf("Run: got %v, want a missed deadline with the 10 rows of the second chunk", err)
	}
	if got := committed(cluster, testTopic, 0); got != 10 {
		t.Errorf("committed %d, want 10", got)
	}
}

func TestAHandlerThatNeverComesBackDoesNotKeepTheProcess(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 5)
	chunks := make(handler, 1)
	m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) { o.Drain = 0 })
	<-chunks
	m.stop()
	if err, ok := (<-m.ended).(*DrainMissed); !ok || err.Rows != 5 {
		t.Errorf("Run: got %v, want a missed deadline with 5 rows", err)
	}
}

func TestALostPartitionCommitsNothingAndEndsItsHandlers(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 20)
	b := newBook(t, cluster)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, func(cfg *Config, o *ConsumerOptions) {
		o.MaxChunk, o.Window = 10, 1
		cfg.SessionTimeout = settings.Duration(6 * time.Second)
	})
	first := <-chunks
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID})
	<-first.ctx.Done()
	first.ack() // too late: it settles, but nobody commits it
	again := <-chunks
	if got := again.chunk.Records[0].Offset; got != 0 {
		t.Errorf("after the loss it starts at %d, want 0", got)
	}
	if got := committed(cluster, testTopic, 0); got > 0 {
		t.Errorf("committed %d, want nothing but the beginning", got)
	}
	b.settle(again.chunk)
	close(again.acked)
	h := <-chunks
	b.settle(h.chunk)
	close(h.acked)
	m.leave(t)
	if got := committed(cluster, testTopic, 0); got != 20 {
		t.Errorf("committed %d, want 20", got)
	}
}

func TestARevokedPartitionSettlesAndCommitsBeforeItMoves(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 2)
	produceTo(t, cluster, testTopic, 0, 10)
	produceTo(t, cluster, testTopic, 1, 10)
	b := newBook(t, cluster)
	firsts, seconds := make(handler, 10), make(handler, 10)
	first := join(t, cluster, firsts.offer, nil)
	held := map[int32]*handed{}
	for range 2 {
		h := <-firsts
		held[h.chunk.Partition] = h
	}
	second := join(t, cluster, seconds.offer, nil)
	var moving *partition
	eventually(t, "a partition is asked back", func() bool {
		for _, p := range first.all() {
			if p.isStopping() {
				moving = p
			}
		}
		return moving != nil
	})
	h := held[moving.id]
	b.settle(h.chunk)
	close(h.acked)
	eventually(t, "the partition has moved", func() bool { return len(second.all()) == 1 })
	if got := committed(cluster, testTopic, moving.id); got != 10 {
		t.Errorf("committed %d before it moved, want 10", got)
	}
	other := held[1-moving.id]
	if other.ctx.Err() != nil {
		t.Error("the partition that stayed was disturbed")
	}
	b.settle(other.chunk)
	close(other.acked)
	first.leave(t)
	second.leave(t)
	select {
	case h := <-seconds:
		t.Errorf("rows came twice: %v", h.chunk)
	default:
	}
}
