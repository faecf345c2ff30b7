package kafka

import (
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

func latest(_ *Config, o *ConsumerOptions) { o.Start = Latest }

// startedAtTheEnd is a sync with `start: latest` that began, read nothing, and was stopped.
func startedAtTheEnd(t *testing.T, c *kfake.Cluster, change func(*Config, *ConsumerOptions)) {
	t.Helper()
	m := join(t, c, nothing(t), change)
	eventually(t, "the sync has begun", func() bool { return m.hasBegun(nil) })
	m.leave(t)
}

// settles has a sync read until rows have settled, and checks that no row settled twice and none too many.
func settles(t *testing.T, c *kfake.Cluster, b *book, rows int, change func(*Config, *ConsumerOptions)) {
	t.Helper()
	m := join(t, c, b.settleAll, change)
	reached(t, b, rows)
	eventually(t, "it has caught up", func() bool {
		for _, p := range m.all() {
			p.mu.Lock()
			left := p.end < 0 || p.next.Offset < p.end
			p.mu.Unlock()
			if left {
				m.askEnds(t.Context(), time.Now())
				return false
			}
		}
		return len(m.all()) > 0
	})
	m.leave(t)
	if got, times := b.rows(); got != rows || times != rows {
		t.Errorf("%d rows settled %d times, want %d once", got, times, rows)
	}
}

// `start: latest` was applied again whenever the group's offset was gone: of 81 rows written since, none was read though
// Kafka had 80.
func TestWhereRetentionOvertookTheGroupReadingGoesOnWithTheOldestThatIsLeft(t *testing.T) {
	t.Parallel()
	for _, start := range []Start{Earliest, Latest, Fail} {
		t.Run(string(start), func(t *testing.T) {
			t.Parallel()
			cluster, counts := newCluster(t, 1), metrics.New()
			own := counting(counts)
			produceTo(t, cluster, testTopic, 0, 5)
			setOffsets(t, cluster, offsets{testTopic: {0: 5}})
			produceTo(t, cluster, testTopic, 0, 81)
			if err := cluster.DeleteRecords(testTopic, 0, 6); err != nil {
				t.Fatal(err)
			}
			b := newBook(t, cluster)
			b.commits[topicPartition{testTopic, 0}] = 6
			settles(t, cluster, b, 80, func(_ *Config, o *ConsumerOptions) { o.Start, o.Metrics = start, own })
			if got := counted(t, counts, "tokrelay_records_lost_total"); got != 1 {
				t.Errorf("lost records: %v, want 1", got)
			}
		})
	}
}

// offsets are by topic and partition.
type offsets map[string]map[int32]int64

func setOffsets(t *testing.T, c *kfake.Cluster, of offsets) {
	t.Helper()
	to := kadm.Offsets{}
	for topic, partitions := range of {
		for id, at := range partitions {
			to.AddOffset(topic, id, at, -1)
		}
	}
	if err := newAdm(t, c).CommitAllOffsets(t.Context(), testGroup, to); err != nil {
		t.Fatal(err)
	}
}

// An offset beyond the end had the whole topic sent again, without a line in the log.
func TestBeyondTheEndReadingGoesOnAtTheEnd(t *testing.T) {
	t.Parallel()
	cases := []struct {
		outOfRange Start
		rows       int // of 10 that are there and 3 that come
	}{{"", 3}, {Latest, 3}, {Earliest, 13}}
	for _, c := range cases {
		t.Run("out of range "+string(c.outOfRange), func(t *testing.T) {
			t.Parallel()
			cluster, counts := newCluster(t, 1), metrics.New()
			own := counting(counts)
			produceTo(t, cluster, testTopic, 0, 10)
			setOffsets(t, cluster, offsets{testTopic: {0: 100}})
			b := newBook(t, cluster)
			b.commits[topicPartition{testTopic, 0}] = int64(13 - c.rows)
			change := func(_ *Config, o *ConsumerOptions) {
				o.OutOfRange, o.Metrics = c.outOfRange, own
			}
			idle := join(t, cluster, b.settleAll, change)
			eventually(t, "the position is committed", func() bool { return committed(cluster, testTopic, 0) <= 10 })
			idle.leave(t)
			produceTo(t, cluster, testTopic, 0, 3)
			settles(t, cluster, b, c.rows, change)
			if got := counted(t, counts, "tokrelay_position_moves_total"); got != 1 {
				t.Errorf("moved positions: %v, want 1", got)
			}
		})
	}
}

func TestAPartitionAddedWhileNoInstanceRanIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 7)
	startedAtTheEnd(t, cluster, latest)
	if _, err := newAdm(t, cluster).CreatePartitions(t.Context(), 1, testTopic); err != nil {
		t.Fatal(err)
	}
	produceTo(t, cluster, testTopic, 1, 2)
	b := newBook(t, cluster)
	b.commits[topicPartition{testTopic, 0}] = 7
	settles(t, cluster, b, 2, latest)
}

// A partition that got no row before a restart has an offset all the same, or it would be taken for a new one.
func TestAFirstStartCommitsPartitionsThatGetNothing(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 3)
	for p := range int32(3) {
		produceTo(t, cluster, testTopic, p, 10)
	}
	startedAtTheEnd(t, cluster, latest)
	b := newBook(t, cluster)
	for p := range int32(3) {
		b.commits[topicPartition{testTopic, p}] = 10
	}
	produceTo(t, cluster, testTopic, 1, 4)
	settles(t, cluster, b, 4, latest)
	produceTo(t, cluster, testTopic, 2, 5)
	settles(t, cluster, b, 9, latest)
}

func TestATopicOfAPatternThatAppearsLaterIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	pattern := func(_ *Config, o *ConsumerOptions) { o.Start, o.Topics, o.Pattern = Latest, nil, `shop\..*` }
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 7)
	startedAtTheEnd(t, cluster, pattern)
	if err := cluster.CreateTopic("shop.carts", 2, nil); err != nil {
		t.Fatal(err)
	}
	produceTo(t, cluster, "shop.carts", 1, 8)
	settles(t, cluster, newBookOfRows(t), 8, pattern)
}

func TestNewTopicsAreLookedForEveryTwentySeconds(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	m := join(t, cluster, nothing(t), nil)
	eventually(t, "it reads", func() bool { return len(m.all()) == 1 })
	if got := m.client.OptValue(kgo.MetadataMaxAge).(time.Duration); got > 20*time.Second {
		t.Errorf("topics are looked for every %s, want 20s at most", got)
	}
	m.leave(t)
}

// Instances that start at the same time begin at one place: were one to see what another has committed for its own
// partitions alone, it would take its own for new ones and send all that is in them.
func TestInstancesThatStartAtTheSameTimeBeginAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{Classic, NextGen} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			const partitions, members = 6, 3
			cluster := newCluster(t, partitions)
			for p := range int32(partitions) {
				produceTo(t, cluster, testTopic, p, 50)
			}
			b := newBook(t, cluster)
			for p := range int32(partitions) {
				b.commits[topicPartition{testTopic, p}] = 50
			}
			together := holdJoins(cluster, members)
			var running []*testMember
			for range members {
				running = append(running, join(t, cluster, b.settleAll, func(cfg *Config, o *ConsumerOptions) {
					o.Start, o.heartbeat, cfg.Protocol = Latest, time.Second, protocol
				}))
			}
			eventually(t, "every instance has its share", func() bool {
				for _, m := range running {
					if len(m.all()) != partitions/members {
						return false
					}
				}
				return true
			})
			if together() < members {
				t.Errorf("%d instances joined together, want %d", together(), members)
			}
			eventually(t, "every partition has an offset", func() bool {
				for p := range int32(partitions) {
					if committed(cluster, testTopic, p) != 50 {
						return false
					}
				}
				return true
			})
			for p := range int32(partitions) {
				produceTo(t, cluster, testTopic, p, 4)
			}
			reached(t, b, 4*partitions)
			for _, m := range running {
				m.leave(t)
			}
			if got := b.wide[partitions]; got != 1 {
				t.Errorf("%d commits of all partitions, want 1: a second one may pass rows that the first let be read", got)
			}
			if rows, times := b.rows(); rows != 4*partitions || times != rows {
				t.Errorf("%d rows settled %d times, want the %d that were written after the start, once", rows, times, 4*partitions)
			}
		})
	}
}

// holdJoins has the first offsets of a group be asked for only once n members have joined it. It returns how many have.
func holdJoins(c *kfake.Cluster, n int) func() int {
	var mu sync.Mutex
	joined := map[string]bool{}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(joined)
	}
	joins := func(id func(kmsg.Request) string) func(kmsg.Request) (kmsg.Response, error, bool) {
		return func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			mu.Lock()
			defer mu.Unlock()
			joined[id(r)] = true
			return nil, nil, false
		}
	}
	c.ControlKey(int16(kmsg.SyncGroup), joins(func(r kmsg.Request) string { return r.(*kmsg.SyncGroupRequest).MemberID }))
	c.ControlKey(int16(kmsg.ConsumerGroupHeartbeat), joins(func(r kmsg.Request) string { return r.(*kmsg.ConsumerGroupHeartbeatRequest).MemberID }))
	c.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		c.SleepControl(func() {
			for tries := 0; count() < n && tries < 300; tries++ {
				time.Sleep(10 * time.Millisecond)
			}
		})
		return nil, nil, false
	})
	return count
}

// After Kafka has forgotten the offsets of an idle group, the sync is as new.
func TestAGroupWithoutAnyOffsetStartsAsForTheFirstTime(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	startedAtTheEnd(t, cluster, latest)
	if _, err := newAdm(t, cluster).DeleteGroups(t.Context(), testGroup); err != nil {
		t.Fatal(err)
	}
	produceTo(t, cluster, testTopic, 0, 9)
	startedAtTheEnd(t, cluster, latest)
	if got := committed(cluster, testTopic, 0); got != 9 {
		t.Errorf("committed %d, want the end, 9", got)
	}
}

func TestOffsetsThatAreSetFromOutsideAreReadFrom(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 2)
	for p := range int32(2) {
		produceTo(t, cluster, testTopic, p, 10)
	}
	startedAtTheEnd(t, cluster, latest)
	setOffsets(t, cluster, offsets{testTopic: {0: 0, 1: 4}})
	b := newBook(t, cluster)
	b.commits[topicPartition{testTopic, 1}] = 4
	settles(t, cluster, b, 16, latest)
	notes, err := newAdm(t, cluster).FetchOffsets(t.Context(), testGroup)
	if err != nil {
		t.Fatal(err)
	}
	notes.Each(func(r kadm.OffsetResponse) {
		if id, ok := TopicOf(r.Metadata); !ok || id == "" {
			t.Errorf("%s/%d: metadata %q, want the topic's id", r.Topic, r.Partition, r.Metadata)
		}
	})
}

// Of a sync that is held up, retention may remove all that is left: nothing comes by fetching then.
func TestWhatRetentionRemovesWhileNothingIsReadIsCountedAndPassed(t *testing.T) {
	t.Parallel()
	cluster, counts := newCluster(t, 1), metrics.New()
	own := counting(counts)
	b := newBook(t, cluster)
	b.markers = true
	m := join(t, cluster, b.settleAll, func(_ *Config, o *ConsumerOptions) { o.Metrics = own })
	eventually(t, "it reads", func() bool { p := m.part(testTopic, 0); return p != nil && committed(cluster, testTopic, 0) == 0 })
	p := m.part(testTopic, 0)
	now := time.Now()
	for range 2 {
		if from, to := p.noteBounds(asked{start: 30, stable: 30, end: 30}, true, now); to > from {
			m.overtaken(testTopic, 0, from, to)
		}
	}
	eventually(t, "the position is committed", func() bool { return committed(cluster, testTopic, 0) == 30 })
	eventually(t, "no lag is left", func() bool { records, age := p.lag(now); return records == 0 && age == 0 })
	if got := counted(t, counts, "tokrelay_records_lost_total"); got != 30 {
		t.Errorf("lost records: %v, want 30", got)
	}
	m.leave(t)
}

func TestWhatWasFetchedBeforeRetentionRemovedItIsNotLost(t *testing.T) {
	counts := metrics.New()
	own := counting(counts)
	c := &Consumer{opts: ConsumerOptions{Metrics: own}.withDefaults()}
	p := newPartition("t", 0, &flow{})
	p.fetchedTo = 10
	c.noteEnds(p, &kgo.FetchPartition{LogStartOffset: 15, HighWatermark: 20, LastStableOffset: 20, Records: records(10, 10)})
	if got := counted(t, counts, "tokrelay_records_lost_total"); got != 0 {
		t.Errorf("lost records: %v, want none", got)
	}
	c.noteEnds(p, &kgo.FetchPartition{LogStartOffset: 25, HighWatermark: 40, LastStableOffset: 40, Records: records(25, 10)})
	if got := counted(t, counts, "tokrelay_records_lost_total"); got != 15 {
		t.Errorf("lost records: %v, want 15", got)
	}
}

// The client goes on committing for the topic it knew, which is refused: without a fetch nothing else would show it.
func TestAFirstStartEndsThoughTheTopicIsCreatedAgainMeanwhile(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	var once sync.Once
	cluster.ControlKey(int16(kmsg.OffsetFetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		once.Do(func() {
			cluster.SleepControl(func() {
				if err := cluster.DeleteTopic(testTopic); err != nil {
					t.Error(err)
				}
				if err := cluster.CreateTopic(testTopic, 1, nil); err != nil {
					t.Error(err)
				}
			})
		})
		return nil, nil, false
	})
	b := newBookOfRows(t)
	m := join(t, cluster, b.settleAll, latest)
	eventually(t, "the sync has begun", func() bool { return m.hasBegun(nil) && committed(cluster, testTopic, 0) == 0 })
	produceTo(t, cluster, testTopic, 0, 3)
	reached(t, b, 3)
	m.leave(t)
}
