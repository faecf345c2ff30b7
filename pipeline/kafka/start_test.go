package kafka

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

func TestEarliestReadsWhatIsThere(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 7)
	b := newBook(t, cluster)
	m := join(t, cluster, b.settleAll, nil)
	reached(t, b, 7)
	m.leave(t)
	if got := committed(cluster, testTopic, 0); got != 7 {
		t.Errorf("committed %d, want 7", got)
	}
}

func TestLatestIsPinnedSoThatARestartSkipsNothing(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 7)
	latest := func(_ *Config, o *ConsumerOptions) { o.Start = Latest }
	idle := join(t, cluster, nil, latest)
	eventually(t, "the start is committed", func() bool { return committed(cluster, testTopic, 0) == 7 })
	idle.leave(t)
	produceTo(t, cluster, testTopic, 0, 5) // while nobody reads
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, latest)
	h := <-chunks
	if first := h.chunk.Records[0].Offset; first != 7 {
		t.Errorf("reads from %d, want 7", first)
	}
	h.ack()
	m.leave(t)
}

func TestAPartitionAddedLaterIsReadFromItsBeginningWhateverTheStart(t *testing.T) {
	t.Parallel()
	for _, start := range []Start{Latest, Fail} {
		t.Run(string(start), func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1)
			setOffsets(t, cluster, offsets{testTopic: {0: 0}})
			chunks := make(handler, 10)
			m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) { o.Start = start })
			eventually(t, "the partition is assigned", func() bool { return len(m.all()) == 1 })
			eventually(t, "the consumer knows that the sync has begun", func() bool { return m.hasBegun(nil) })
			if _, err := newAdm(t, cluster).CreatePartitions(t.Context(), 1, testTopic); err != nil {
				t.Fatal(err)
			}
			produceTo(t, cluster, testTopic, 1, 3) // before the consumer has noticed
			m.client.ForceMetadataRefresh()
			h := <-chunks
			if h.chunk.Partition != 1 || h.chunk.Records[0].Offset != 0 {
				t.Errorf("got %v, want partition 1 from 0", h.chunk)
			}
			h.ack()
			m.leave(t)
		})
	}
}

func TestFailWithoutOffsetsStopsAndSaysSo(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 3)
	status := pipeline.NewStatus(testNow)
	m := join(t, cluster, nothing(t), func(_ *Config, o *ConsumerOptions) { o.Start, o.Status = Fail, status })
	eventually(t, "the status shows it", func() bool { return stopped(status, "start is fail") })
	m.leave(t)
	if got := committed(cluster, testTopic, 0); got != -1 {
		t.Errorf("committed %d, want nothing", got)
	}
}

func nothing(t *testing.T) Offer {
	return func(_ context.Context, c *pipeline.Chunk) pipeline.Ticket {
		t.Errorf("got %v, want nothing", c)
		return pipeline.Ticket{}
	}
}

func stopped(b *pipeline.Status, word string) bool {
	for _, t := range b.Troubles("orders") {
		if t.Stop && strings.Contains(t.What, word) {
			return true
		}
	}
	return false
}

func TestAnOffsetThatIsGoneFollowsThePolicy(t *testing.T) {
	t.Parallel()
	cases := []struct {
		policy Start
		first  int64 // -1: reads nothing and stops
	}{{Earliest, 6}, {Latest, 10}, {Fail, -1}}
	for _, c := range cases {
		t.Run(string(c.policy), func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1)
			produceTo(t, cluster, testTopic, 0, 10)
			setOffsets(t, cluster, offsets{testTopic: {0: 2}})
			if err := cluster.DeleteRecords(testTopic, 0, 6); err != nil {
				t.Fatal(err)
			}
			status, chunks, counts := pipeline.NewStatus(testNow), make(handler, 10), metrics.New()
			own := counting(counts)
			m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) {
				o.OutOfRange, o.Status, o.Metrics = c.policy, status, own
			})
			if c.first < 0 {
				eventually(t, "the status shows it", func() bool { return stopped(status, "out_of_range is fail") })
				m.leave(t)
				return
			}
			var h *handed
			eventually(t, "a record comes", func() bool {
				if c.policy == Latest { // one that is written before the reset has found the end is passed over
					produceTo(t, cluster, testTopic, 0, 1)
				}
				select {
				case h = <-chunks:
					return true
				case <-time.After(50 * time.Millisecond):
					return false
				}
			})
			if got := h.chunk.Records[0].Offset; got != c.first && !(c.policy == Latest && got > c.first) {
				t.Errorf("reads from %d, want %d", got, c.first)
			}
			h.ack()
			go chunks.ackAll(t.Context())
			m.leave(t)
			if got := counted(t, counts, "tokrelay_records_lost_total"); got != 4 {
				t.Errorf("lost records: %v, want the 4 between the group's offset and the oldest record", got)
			}
		})
	}
}

// counted is a counter's sum over its labels.
// counting are a consumer's metrics in the registry.
func counting(m *metrics.Registry) *Metrics {
	reg := metrics.OfSync(m, "orders")
	return NewMetrics(reg, metrics.NewRows(reg))
}

func counted(t *testing.T, m *metrics.Registry, name string) (sum float64) {
	t.Helper()
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, series := range f.Metric {
				sum += series.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func TestATopicThatIsCreatedAgainIsReadFromItsStart(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 20)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, nil)
	first := <-chunks
	if err := cluster.DeleteTopic(testTopic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(testTopic, 1, nil); err != nil {
		t.Fatal(err)
	}
	produceTo(t, cluster, testTopic, 0, 50)
	first.ack() // its offset means nothing any more, and is committed all the same until the change is noticed
	h := <-chunks
	if got, n := h.chunk.Records[0].Offset, len(h.chunk.Records); got != 0 || n != 50 {
		t.Errorf("reads %d records from %d, want 50 from 0", n, got)
	}
	h.ack()
	eventually(t, "the new topic is committed", func() bool { return committed(cluster, testTopic, 0) == 50 })
	m.leave(t)
	m = join(t, cluster, nothing(t), nil)
	eventually(t, "it reads again", func() bool { return len(m.all()) == 1 })
	m.leave(t)
}

func TestTopicsOfAPatternAreReadAsTheyAppear(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 2)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, func(_ *Config, o *ConsumerOptions) { o.Topics, o.Pattern = nil, `shop\.[a-z]+` })
	h := <-chunks
	if h.chunk.Topic != testTopic {
		t.Errorf("reads %s, want %s", h.chunk.Topic, testTopic)
	}
	h.ack()
	for _, topic := range []string{"workshop.orders", "shop.carts"} {
		if err := cluster.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
		produceTo(t, cluster, topic, 0, 2)
	}
	m.client.ForceMetadataRefresh()
	h = <-chunks
	if h.chunk.Topic != "shop.carts" {
		t.Errorf("reads %s, want shop.carts", h.chunk.Topic)
	}
	h.ack()
	m.leave(t)
}

func TestExcludedTopicsDoNotBelongToAPattern(t *testing.T) {
	t.Parallel()
	const pattern = `shop\..*`
	exclude := []string{`shop\.rejected`, `shop\.heartbeat.*`}
	for _, protocol := range []string{Classic, NextGen} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1, kfake.SeedTopics(1, "shop.rejected", "shop.heartbeat.eu", "shop.rejected-orders", "workshop.orders"))
			for _, topic := range []string{"shop.rejected", "shop.heartbeat.eu", "shop.rejected-orders", "workshop.orders", testTopic} {
				produceTo(t, cluster, topic, 0, 1)
			}
			want := []string{testTopic, "shop.rejected-orders"}
			chunks := make(handler, 10)
			m := join(t, cluster, chunks.offer, func(c *Config, o *ConsumerOptions) {
				c.Protocol, o.Topics, o.Pattern, o.Exclude = protocol, nil, pattern, exclude
			})
			var got []string
			for range want {
				h := <-chunks
				got = append(got, h.chunk.Topic)
				h.ack()
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("the consumer reads %v, want %v", got, want)
			}
			for _, p := range m.all() {
				if !slices.Contains(want, p.topic) {
					t.Errorf("the consumer has a partition of %s", p.topic)
				}
			}
			m.leave(t)
		})
	}
}
