package kafka

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// settledAndStopped is a member whose ten rows have settled and are not committed: commits are refused or held up until
// the test lets them through. It is stopped.
func settledAndStopped(t *testing.T, cluster *kfake.Cluster, change func(*Config, *ConsumerOptions)) *testMember {
	t.Helper()
	produceTo(t, cluster, testTopic, 0, 10)
	b := newBook(t, cluster)
	m := join(t, cluster, b.settleAll, change)
	reached(t, b, 10)
	eventually(t, "the partition knows", func() bool { rows, _ := m.part(testTopic, 0).uncommitted(); return rows == 10 })
	m.stop()
	return m
}

func TestALastCommitGoesOnWhileTheGroupRebalances(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1, kfake.GroupMinSessionTimeout(time.Second))
	refusal := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RebalanceInProgress, Count: -1})
	beats := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Observe: true, TopLevel: true, Count: -1})
	m := settledAndStopped(t, cluster, func(cfg *Config, _ *ConsumerOptions) { cfg.SessionTimeout = settings.Duration(1500 * time.Millisecond) })
	before := beats.Hits()
	<-time.After(4 * time.Second) // more than a session: without heartbeats the member would be out of the group
	refusal.Remove()
	if err := <-m.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	if got := committed(cluster, testTopic, 0); got != 10 {
		t.Errorf("committed %d, want 10", got)
	}
	if n := beats.Hits() - before; n < 4 {
		t.Errorf("%d heartbeats in four seconds of shutdown, want one every half second", n)
	}
}

// The client gives an answer ten seconds and closes the connection then; the commit is sent again while the drain lasts.
func TestALastCommitWaitsForASlowCoordinator(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	hold := make(chan struct{})
	cluster.ControlKey(int16(kmsg.OffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if r.(*kmsg.OffsetCommitRequest).Topics[0].Partitions[0].Offset == 10 { // what sleeps wakes in any order: not the first commit, of offset 0
			cluster.SleepControl(func() { <-hold })
		}
		return nil, nil, false
	})
	m := settledAndStopped(t, cluster, func(_ *Config, o *ConsumerOptions) { o.Drain = 20 * time.Second })
	<-time.After(12 * time.Second)
	close(hold)
	if err := <-m.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	if got := committed(cluster, testTopic, 0); got != 10 {
		t.Errorf("committed %d, want 10", got)
	}
}

// TestALastCommitWaitsForAnotherMemberThatGivesPartitionsUp stops a member while the group waits for another one, which
// drains what it gives up: until that has joined again, Kafka takes no commit of the first.
func TestALastCommitWaitsForAnotherMemberThatGivesPartitionsUp(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 6)
	offer := func(held *atomic.Bool, release chan struct{}) Offer {
		return func(ctx context.Context, c *pipeline.Chunk) pipeline.Ticket {
			acked := make(chan struct{})
			go func() {
				if held.Load() {
					select {
					case <-release:
					case <-ctx.Done():
					}
				}
				for i := range c.Records {
					c.Settle(i, pipeline.Delivered)
				}
				close(acked)
			}()
			return pipeline.Ticket{Acked: acked, Nacked: make(chan struct{})}
		}
	}
	var quick, slow atomic.Bool
	release := make(chan struct{})
	set := func(cfg *Config, o *ConsumerOptions) {
		cfg.RevokeDrain, o.Drain = settings.Duration(20*time.Second), 25*time.Second
	}
	stays := join(t, cluster, offer(&quick, nil), set)
	drains := join(t, cluster, offer(&slow, release), set)
	eventually(t, "both read", func() bool { return len(stays.all()) == 3 && len(drains.all()) == 3 })
	slow.Store(true)
	refused := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.RebalanceInProgress, Count: -1})
	for p := range int32(6) {
		produceTo(t, cluster, testTopic, p, 10)
	}
	eventually(t, "the first member's rows settle", func() bool {
		rows := 0
		for _, p := range stays.all() {
			n, _ := p.uncommitted()
			rows += n
		}
		return rows == 30
	})
	third := join(t, cluster, offer(&quick, nil), set)
	eventually(t, "the second member is asked for a partition", func() bool {
		for _, p := range drains.all() {
			if p.isStopping() {
				return true
			}
		}
		return false
	})
	fourth := join(t, cluster, offer(&quick, nil), set)
	eventually(t, "the group waits for it", func() bool {
		g := cluster.GroupInfo(testGroup)
		return g != nil && strings.Contains(g.State, "Preparing")
	})
	stays.stop()
	refused.Remove()
	<-time.After(commitTimeout + time.Second)
	close(release)
	if err := <-stays.ended; err != nil {
		t.Errorf("Run: got %v, want nil", err)
	}
	drains.leave(t)
	third.leave(t)
	fourth.leave(t)
	for p := range int32(6) {
		if got := committed(cluster, testTopic, p); got != 10 {
			t.Errorf("partition %d: committed %d, want 10", p, got)
		}
	}
}

func TestRowsWhoseOffsetsKafkaDidNotTakeAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  *kerr.Error
		took time.Duration // at least
	}{
		{"a group that rebalances to the end", kerr.RebalanceInProgress, LastCommit},
		{"a member that is out of the group", kerr.UnknownMemberID, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1)
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: c.err, Count: -1})
			m := settledAndStopped(t, cluster, func(_ *Config, o *ConsumerOptions) { o.Drain = time.Second })
			began := time.Now()
			missed, ok := errors.AsType[*DrainMissed](<-m.ended)
			if !ok || missed.Rows != 0 || missed.Uncommitted != 10 {
				t.Fatalf("Run: got %+v, want the ten rows that Kafka took no offset of", missed)
			}
			if text := missed.Error(); !strings.Contains(text, "10 rows will be read again") || !strings.Contains(text, "shop.orders/0/-1") {
				t.Errorf("it says %q", text)
			}
			if took := time.Since(began); took < c.took || took > c.took+AfterDrain-LastCommit+time.Second {
				t.Errorf("it took %s, want %s or a little more", took, c.took)
			}
		})
	}
}
