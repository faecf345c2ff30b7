package kafka

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const markTopic = "tokrelay.failed"

// marked is a sync that notes that it has begun.
func marked(start Start, topics ...string) func(*Config, *ConsumerOptions) {
	return func(_ *Config, o *ConsumerOptions) { o.Start, o.MarkTopic, o.Topics = start, markTopic, topics }
}

// beginsAndIsNoted is a first start that reads nothing. It ends once the group has the mark.
func beginsAndIsNoted(t *testing.T, c *kfake.Cluster, change func(*Config, *ConsumerOptions)) {
	t.Helper()
	m := join(t, c, nothing(t), change)
	eventually(t, "it is noted that the sync has begun", func() bool { return committed(c, markTopic, 0) >= 0 })
	m.leave(t)
}

func again(t *testing.T, c *kfake.Cluster, topic string) {
	t.Helper()
	if err := c.DeleteTopic(topic); err != nil {
		t.Fatal(err)
	}
	if got := committed(c, topic, 0); got >= 0 {
		t.Fatalf("the broker kept the offset %d of a topic that was deleted: this test shows nothing", got)
	}
	if err := c.CreateTopic(topic, 1, nil); err != nil {
		t.Fatal(err)
	}
}

// Kafka drops the group's offsets with the topic: the next start was taken for the first, and with `latest` none of the
// new topic's rows was read.
func TestATopicMadeAgainWhileNoInstanceRanIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	for _, start := range []Start{Earliest, Latest, Fail} {
		t.Run(string(start), func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1, kfake.SeedTopics(1, markTopic))
			produceTo(t, cluster, markTopic, 0, 2)
			switch start {
			case Earliest:
			case Fail:
				setOffsets(t, cluster, offsets{testTopic: {0: 0}})
				fallthrough
			case Latest:
				beginsAndIsNoted(t, cluster, marked(start, testTopic))
				if got := committed(cluster, markTopic, 0); got != 2 {
					t.Errorf("the mark is at %d, want the topic's end, 2, so that nothing looks behind", got)
				}
			}
			if start != Earliest {
				again(t, cluster, testTopic)
			}
			produceTo(t, cluster, testTopic, 0, 50)
			settles(t, cluster, newBookOfRows(t), 50, marked(start, testTopic))
		})
	}
}

func TestASyncWhoseTopicsAreAllOtherOnesStartsAsForTheFirstTime(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1, kfake.SeedTopics(1, markTopic, "shop.carts"))
	produceTo(t, cluster, "shop.carts", 0, 7)
	beginsAndIsNoted(t, cluster, marked(Latest, testTopic))
	startedAtTheEnd(t, cluster, marked(Latest, "shop.carts"))
	if got := committed(cluster, "shop.carts", 0); got != 7 {
		t.Errorf("committed %d, want the end, 7", got)
	}
}

// Kafka forgets an offset in a topic that no member reads, and a client may not be allowed to commit one.
func TestTheMarkIsCommittedAgainEveryHourAndSoonAfterAFailure(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1, kfake.SeedTopics(1, markTopic))
	denied := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: markTopic, Err: kerr.TopicAuthorizationFailed, Count: -1})
	b := newBookOfRows(t)
	m := join(t, cluster, b.settleAll, marked(Latest, testTopic))
	produced := func(n int) { produceTo(t, cluster, testTopic, 0, n); reached(t, b, n) }
	eventually(t, "the mark was refused", func() bool { return denied.Hits() == 1 })
	eventually(t, "the sync has begun", func() bool { return m.hasBegun(nil) })
	produced(3) // and is held up by nothing
	now := time.Now()
	m.markBegun(t.Context(), now.Add(markAgain/2))
	if got := denied.Hits(); got != 1 {
		t.Errorf("tried %d times within half a minute, want once", got)
	}
	denied.Remove()
	var at []int64
	for _, after := range []time.Duration{markAgain + time.Second, markEvery / 2, markEvery + 3*markAgain} {
		produceTo(t, cluster, markTopic, 0, 1)
		m.markBegun(t.Context(), now.Add(after))
		at = append(at, committed(cluster, markTopic, 0))
	}
	if want := []int64{1, 1, 3}; !slices.Equal(at, want) {
		t.Errorf("the mark is at %v after a minute, half an hour and an hour, want %v", at, want)
	}
	m.leave(t)
}

// A first start commits ends for the sync's topics alone, and what the group has elsewhere does not make it a later start.
func TestExcludedTopicsHaveNoPartInAFirstStart(t *testing.T) {
	t.Parallel()
	const excluded = "shop.heartbeat"
	cluster := newCluster(t, 1, kfake.SeedTopics(1, excluded))
	produceTo(t, cluster, testTopic, 0, 7)
	produceTo(t, cluster, excluded, 0, 7)
	setOffsets(t, cluster, offsets{excluded: {0: 3}})
	startedAtTheEnd(t, cluster, func(_ *Config, o *ConsumerOptions) {
		o.Start, o.Topics, o.Pattern, o.Exclude = Latest, nil, `shop\..*`, []string{excluded}
	})
	if ours, other := committed(cluster, testTopic, 0), committed(cluster, excluded, 0); ours != 7 || other != 3 {
		t.Errorf("committed %d in the sync's topic and %d in an excluded one, want 7, the end, and 3, as it was", ours, other)
	}
}
