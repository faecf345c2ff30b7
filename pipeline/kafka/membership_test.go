package kafka

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// franz-go joins again under another id without a word, and goes on behind what it has read: another instance may have had the
// partition in between, or the group's offset may have been set by hand. The consumer begins from what is committed.
func TestAConsumerThatWasPutOutBeginsAgainFromWhatIsCommitted(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 10)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) { o.Window, o.MaxChunk, o.heartbeat = 1, 5, time.Minute })
	first := <-chunks
	before := cluster.GroupInfo(testGroup).Members[0].MemberID
	eventually(t, "the beginning is committed", func() bool { return committed(cluster, testTopic, 0) == 0 })
	putOut(t, cluster, Classic, before)
	first.ack() // the commit of it is refused, and has the client join again
	second := <-chunks
	if got := second.chunk.Records[0].Offset; got != 5 {
		t.Fatalf("the second chunk is of offset %d, want 5", got)
	}
	select {
	case <-second.ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("the handling goes on under another id")
	}
	second.nack()
	again := <-chunks
	if got := again.chunk.Records[0].Offset; got != 0 {
		t.Errorf("it goes on at offset %d, want 0: nothing was committed", got)
	}
	if info := cluster.GroupInfo(testGroup); len(info.Members) != 1 || info.Members[0].MemberID == before {
		t.Errorf("members of the group: %v, want one of another id", info.Members)
	}
	again.ack()
	(<-chunks).ack()
	eventually(t, "the end is committed", func() bool { return committed(cluster, testTopic, 0) == 10 })
	m.leave(t)
}

// The same, with transactions: the group has put the member out, and given it the partition again under another id, before the
// offsets are sent.
func TestATransactionOfAnotherMemberIdIsNotCommitted(t *testing.T) {
	t.Parallel()
	cluster := transactional(t, 1)
	rejoined, hold := make(chan struct{}), make(chan struct{})
	c := startCopier(t, cluster, func(_ *Config, o *ConsumerOptions, c *copier) {
		first := true
		c.write = func(chunk *pipeline.Chunk, write Write) {
			if first {
				first = false
				close(hold)
				<-rejoined
			}
			copyChunk(chunk, write)
		}
	})
	eventually(t, "it reads", func() bool { return len(c.all()) == 1 })
	before := cluster.GroupInfo(testGroup).Members[0].MemberID
	produceTo(t, cluster, testTopic, 0, 10)
	<-hold
	// It is put out, and learns it from its next join: a rebalance that another member causes.
	putOut(t, cluster, Classic, before)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.RebalanceInProgress, Count: 1})
	eventually(t, "it is a member again", func() bool {
		info := cluster.GroupInfo(testGroup)
		return len(info.Members) == 1 && info.Members[0].MemberID != before && info.State == "Stable"
	})
	close(rejoined)
	c.ended(t, "with an error", func(err error) bool { return err != nil })
	each(t, seen(t, cluster, 10), 1, 10)
	eventually(t, "the offset is committed", atEnds(cluster, 1, 10))
	c.leave(t)
}

// Nothing has to be committed for that: the join under another id ends what is handled.
func TestWhatIsHandledEndsWhenTheConsumerJoinsUnderAnotherId(t *testing.T) {
	t.Parallel()
	cluster := transactional(t, 1)
	produceTo(t, cluster, testTopic, 0, 10)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, nil)
	first := <-chunks
	eventually(t, "the beginning is committed", func() bool { return committed(cluster, testTopic, 0) == 0 })
	putOut(t, cluster, Classic, cluster.GroupInfo(testGroup).Members[0].MemberID)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.RebalanceInProgress, Count: 1})
	select {
	case <-first.ctx.Done():
	case <-time.After(20 * time.Second):
		t.Fatal("it is handled on")
	}
	first.nack()
	again := <-chunks
	again.ack()
	eventually(t, "the end is committed", func() bool { return committed(cluster, testTopic, 0) == 10 })
	m.leave(t)
}

// Between the join and the end of what is handled, a commit and a transaction look for themselves.
func TestNothingIsCommittedUnderAnotherId(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string]bool{"by a commit": true, "by a transaction": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := transactional(t, 1)
			c := startCopier(t, cluster, func(_ *Config, _ *ConsumerOptions, c *copier) {
				if plain {
					c.write = func(*pipeline.Chunk, Write) {} // leaves the offset to the consumer
				}
			})
			eventually(t, "the beginning is committed", func() bool { return committed(cluster, testTopic, 0) == 0 })
			before := cluster.GroupInfo(testGroup).Members[0].MemberID
			c.member.mu.Lock()
			c.member.id = "of before"
			c.member.mu.Unlock()
			produceTo(t, cluster, testTopic, 0, 10)
			eventually(t, "it begins again", func() bool {
				info := cluster.GroupInfo(testGroup)
				return len(info.Members) == 1 && info.Members[0].MemberID != before
			})
			eventually(t, "the end is committed", atEnds(cluster, 1, 10))
			if !plain {
				each(t, seen(t, cluster, 10), 1, 10)
			}
			c.leave(t)
		})
	}
}
