package kafka

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const outTopic = "rows"

// copier is a member whose handlers copy what they read to another topic, each chunk with its offset.
type copier struct {
	*testMember
	txns   *Transactions
	status *pipeline.Status
	write  func(chunk *pipeline.Chunk, write Write) // nil: copies
	ends   chan error                               // of each Chunk
}

func (c *copier) offer(ctx context.Context, chunk *pipeline.Chunk) pipeline.Ticket {
	acked, nacked := make(chan struct{}), make(chan struct{})
	go func() {
		err := c.txns.Chunk(ctx, chunk, func(write Write) { c.write(chunk, write) })
		c.ends <- err
		if err != nil {
			if errors.Is(err, pipeline.ErrHeld) {
				chunk.Hold()
			}
			close(nacked)
			return
		}
		for i := range chunk.Records {
			chunk.Settle(i, pipeline.Delivered)
		}
		close(acked)
	}()
	return pipeline.Ticket{Acked: acked, Nacked: nacked}
}

func copyChunk(chunk *pipeline.Chunk, write Write) {
	for i := range chunk.Records {
		r := &chunk.Records[i]
		write(outTopic, r.Partition, []byte("k"), []byte(strconv.Itoa(int(r.Partition))+":"+string(r.Value)))
	}
}

// startCopier has one join and copy.
func startCopier(t *testing.T, cluster *kfake.Cluster, change func(*Config, *ConsumerOptions, *copier)) *copier {
	t.Helper()
	c := &copier{status: pipeline.NewStatus(time.Now), write: copyChunk, ends: make(chan error, 10_000)}
	ready := make(chan struct{})
	offer := func(ctx context.Context, chunk *pipeline.Chunk) pipeline.Ticket {
		<-ready
		return c.offer(ctx, chunk)
	}
	var cfg Config
	c.testMember = join(t, cluster, offer, func(to *Config, o *ConsumerOptions) {
		to.SessionTimeout = settings.Duration(6 * time.Second)
		o.Window, o.MaxChunk, o.Status = 1, 10, c.status
		if change != nil {
			change(to, o, c)
		}
		cfg = *to
	})
	c.txns = NewTransactions(cfg, c.Consumer, nil)
	close(ready)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = c.txns.Run(ctx) }()
	t.Cleanup(func() {
		c.stop()
		cancel()
		<-done
	})
	return c
}

// seen is what readers of committed records see of the copies, by partition, until n are there, or a while has passed.
func seen(t *testing.T, cluster *kfake.Cluster, n int) map[string]int {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(outTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	values, last := map[string]int{}, time.Now()
	for total := 0; time.Since(last) < 30*time.Second && (total < n || time.Since(last) < 500*time.Millisecond); {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			values[string(r.Value)]++
			total++
			last = time.Now()
		})
		cancel()
	}
	return values
}

// each asserts that each record was copied once.
func each(t *testing.T, got map[string]int, partitions, records int) {
	t.Helper()
	for p := range partitions {
		for i := range records {
			if n := got[strconv.Itoa(p)+":"+strconv.Itoa(i)]; n != 1 {
				t.Errorf("record %d of partition %d was copied %d times, want once", i, p, n)
			}
		}
	}
	if len(got) != partitions*records {
		t.Errorf("%d copies, want %d", len(got), partitions*records)
	}
}

// atEnds reports whether the group has committed the ends of all partitions.
func atEnds(cluster *kfake.Cluster, partitions int32, end int64) func() bool {
	return func() bool {
		for p := range partitions {
			if committed(cluster, testTopic, p) != end {
				return false
			}
		}
		return true
	}
}

func transactional(t *testing.T, partitions int32, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	return newCluster(t, partitions, append(opts, kfake.SeedTopics(partitions, testTopic, outTopic), kfake.GroupMinSessionTimeout(time.Second))...)
}

func TestEachRecordIsCopiedOnceWithItsOffset(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{Classic, NextGen} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 3)
			for p := range int32(3) {
				produceTo(t, cluster, testTopic, p, 95)
			}
			c := startCopier(t, cluster, func(cfg *Config, _ *ConsumerOptions, _ *copier) { cfg.Protocol = protocol })
			each(t, seen(t, cluster, 3*95), 3, 95)
			eventually(t, "offsets are committed", atEnds(cluster, 3, 95))
			if info := cluster.GroupInfo(testGroup); len(info.Members) != 1 {
				t.Errorf("the group has %d members, want the consumer alone", len(info.Members))
			}
			c.leave(t)
		})
	}
}

// errorsOf are the answers to chunks until now.
func (c *copier) errorsOf() (list []error) {
	for {
		select {
		case err := <-c.ends:
			list = append(list, err)
		default:
			return list
		}
	}
}

var _ = []any{slices.Sort[[]int], sync.Mutex{}, kadm.NewClient, kerr.UnknownMemberID, kmsg.NewPtrEndTxnRequest}
