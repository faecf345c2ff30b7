package kafka

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// An instance that is killed repeats what settled since its last commit.
func TestRowsAreCommittedATenthOfASecondAfterTheySettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var net kfake.VirtualNetwork
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(net.Listen), kfake.SeedTopics(1, testTopic))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		var commits atomic.Int64
		cluster.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			commits.Add(1)
			return nil, nil, false
		})
		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.Dialer(net.DialContext))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		cfg := settings.WithDefaults(Config{Brokers: cluster.ListenAddrs(), RevokeDrain: settings.Duration(time.Second)})
		cfg.Dial = net.DialContext
		consumer, err := NewConsumer(cfg, ConsumerOptions{Sync: "s", Group: "g", Topics: []string{testTopic}, Drain: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		acked := make(chan struct{})
		close(acked)
		go func() {
			ended <- consumer.Run(ctx, func(context.Context, *pipeline.Chunk) pipeline.Ticket {
				return pipeline.Ticket{Acked: acked, Nacked: make(chan struct{})}
			})
		}()
		<-time.After(10 * time.Second)
		before := commits.Load()
		for range 40 { // two seconds
			if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: testTopic, Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			<-time.After(50 * time.Millisecond)
		}
		if got := commits.Load() - before; got < 12 || got > 24 {
			t.Errorf("got %d commits in two seconds of rows, want one each tenth of a second", got)
		}
		<-time.After(5 * time.Second)
		before = commits.Load()
		if <-time.After(5 * time.Second); commits.Load() != before {
			t.Errorf("got %d commits where nothing settles, want none", commits.Load()-before)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheBudgetFollowsTheRowsThatCallsInFlightTake(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		name        string
		rows        int
		weight      int64
		most, wants int64
	}{
		{"rows of usual size", 8000, 900, 64 * mib, leastBudget},
		{"wide rows", 1000, 20_000, 64 * mib, 30_000_000},
		{"wider than there is memory", 8000, 10_000, 64 * mib, 64 * mib},
		{"little memory", 8000, 900, 2 * mib, 2 * mib},
		{"no calls in flight", 0, 10_000, 64 * mib, leastBudget},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFlow(ConsumerOptions{Rows: c.rows}.withDefaults(), c.most)
			for range 40 {
				f.use(1, c.weight)
				f.free(c.weight)
			}
			if got := f.left(); got < c.wants*98/100 || got > c.wants*102/100 {
				t.Errorf("got %d, want about %d", got, c.wants)
			}
		})
	}
}
