package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// makeAgain deletes the topic and creates it again, with rows in each partition.
func makeAgain(t *testing.T, c *kfake.Cluster, partitions int32, rows int) {
	t.Helper()
	if err := c.DeleteTopic(testTopic); err != nil {
		t.Fatal(err)
	}
	if err := c.CreateTopic(testTopic, partitions, nil); err != nil {
		t.Fatal(err)
	}
	for p := range partitions {
		produceTo(t, c, testTopic, p, rows)
	}
}

// That a topic was created again was remembered for ever: a partition that moved later was read from its beginning, 507
// rows for 7.
func TestAPartitionOfATopicThatWasCreatedAgainMovesWithItsPosition(t *testing.T) {
	t.Parallel()
	for _, start := range []Start{Earliest, Latest} {
		t.Run(string(start), func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 2)
			set := func(_ *Config, o *ConsumerOptions) { o.Start = start }
			old, b := newBookOfRows(t), newBookOfRows(t)
			first := join(t, cluster, old.settleAll, set)
			second := join(t, cluster, old.settleAll, set)
			eventually(t, "each has a partition", func() bool { return len(first.all()) == 1 && len(second.all()) == 1 })
			eventually(t, "the group has begun", func() bool { return first.hasBegun(nil) && second.hasBegun(nil) })
			makeAgain(t, cluster, 2, 250)
			eventually(t, "the new topic is committed", func() bool {
				return committed(cluster, testTopic, 0) == 250 && committed(cluster, testTopic, 1) == 250
			})
			if rows, _ := old.rows(); rows != 500 {
				t.Errorf("%d rows of the new topic settled, want 500", rows)
			}
			second.leave(t)
			eventually(t, "the partition has moved", func() bool { return len(first.all()) == 2 })
			first.leave(t)
			last := join(t, cluster, b.settleAll, set)
			produceTo(t, cluster, testTopic, 1, 7)
			reached(t, b, 7)
			last.leave(t)
			_, before := old.rows()
			if rows, _ := b.rows(); before != 500 || rows != 7 {
				t.Errorf("read %d rows and then %d, want 500 and then 7", before, rows)
			}
		})
	}
}

func TestAnOffsetOfATopicThatIsGoneMeansNothingInTheNextOne(t *testing.T) {
	t.Parallel()
	cluster, counts := newCluster(t, 1), metrics.New()
	own := counting(counts)
	set := func(_ *Config, o *ConsumerOptions) { o.Start, o.Metrics = Latest, own }
	produceTo(t, cluster, testTopic, 0, 20)
	startedAtTheEnd(t, cluster, set)
	offsets, err := newAdm(t, cluster).FetchOffsets(t.Context(), testGroup)
	if err != nil {
		t.Fatal(err)
	}
	makeAgain(t, cluster, 1, 50)
	// Some brokers keep a deleted topic's offsets.
	if err := newAdm(t, cluster).CommitAllOffsets(t.Context(), testGroup, offsets.Offsets()); err != nil {
		t.Fatal(err)
	}
	settles(t, cluster, newBookOfRows(t), 50, set)
	if got := counted(t, counts, "tokrelay_position_moves_total"); got != 1 {
		t.Errorf("moved positions: %v, want 1", got)
	}
}

func TestAnOffsetWithoutATopicsIDIsTrusted(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, metadata string }{{"none", ""}, {"a member's, by earlier releases", "tokrelay-orders-5c1e"}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cluster := newCluster(t, 1)
			produceTo(t, cluster, testTopic, 0, 20)
			o := kadm.Offsets{}
			o.Add(kadm.Offset{Topic: testTopic, Partition: 0, At: 15, LeaderEpoch: -1, Metadata: c.metadata})
			if err := newAdm(t, cluster).CommitAllOffsets(t.Context(), testGroup, o); err != nil {
				t.Fatal(err)
			}
			settles(t, cluster, newBookOfRows(t), 5, nil)
		})
	}
}

// An idle partition's offset is committed again with the topic's id, once: what is not known cannot be compared.
func TestAnOffsetThatIsTrustedGetsTheTopicsID(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 20)
	setOffsets(t, cluster, offsets{testTopic: {0: 20}})
	m := join(t, cluster, nothing(t), nil)
	eventually(t, "the id is committed", func() bool {
		offsets, err := newAdm(t, cluster).FetchOffsets(t.Context(), testGroup)
		r, ok := offsets.Lookup(testTopic, 0)
		id, has := TopicOf(r.Metadata)
		return err == nil && ok && has && r.At == 20 && id == TopicID(cluster.TopicInfo(testTopic).TopicID)
	})
	m.leave(t)
}

// Rows of a topic that is gone are read by nobody again: an instance that ends before it has noticed said that they were.
func TestAnInstanceThatEndsRightAfterItsTopicWasMadeAgainHasMissedNothing(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t, 1)
	produceTo(t, cluster, testTopic, 0, 20)
	chunks := make(handler, 10)
	m := join(t, cluster, chunks.offer, nil)
	h := <-chunks
	if err := cluster.DeleteTopic(testTopic); err != nil {
		t.Fatal(err)
	}
	if err := cluster.CreateTopic(testTopic, 1, nil); err != nil {
		t.Fatal(err)
	}
	h.ack()
	m.leave(t)
	if got := committed(cluster, testTopic, 0); got >= 0 {
		t.Errorf("committed %d in the new topic, want nothing", got)
	}
}

// The client may learn of the new topic while offsets of the old one are still to be committed. Under the new one's id they
// would skip its first rows.
func TestAnOffsetCarriesTheIDOfTheTopicItWasReadFrom(t *testing.T) {
	t.Parallel()
	client := newClient(t, configFor(newCluster(t, 1))) // it knows the id of the topic that there is now
	then := kadm.TopicID{1}.String()
	p := newPartition(testTopic, 0, nil)
	p.next, p.topicID = kgo.EpochOffset{Epoch: -1, Offset: 3}, then
	r := kmsg.NewPtrOffsetCommitRequest()
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic, topic.TopicID = testTopic, [16]byte{2}
	topic.Partitions = []kmsg.OffsetCommitRequestTopicPartition{kmsg.NewOffsetCommitRequestTopicPartition()}
	r.Topics = append(r.Topics, topic)
	_, ids := toCommit([]*partition{p})
	if err := noteTopics(ids)(r); err != nil {
		t.Fatal(err)
	}
	if got, _ := TopicOf(*r.Topics[0].Partitions[0].Metadata); got != then {
		t.Errorf("the offset carries the id %s, want %s", got, then)
	}
	c := &Consumer{client: client, opts: ConsumerOptions{Topics: []string{testTopic}}.withDefaults(), parts: map[topicPartition]*partition{p.key(): p}}
	c.lookAtTopics(t.Context())
	if got := c.recreated.take(); len(got) != 1 || got[0] != testTopic {
		t.Errorf("topics to be read again: %v, want %s", got, testTopic)
	}
}

// franz-go gives a partition of a topic that was created again without having taken the old one away, when the topic was
// forgotten while it was being assigned. Nobody would ever stop the work on the old one.
func TestAPartitionThatIsGivenTwiceIsWorkedOnOnce(t *testing.T) {
	t.Parallel()
	client, err := kgo.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	c := &Consumer{client: client, opts: ConsumerOptions{Topics: []string{testTopic}}.withDefaults(), committing: newSemaphore(), parts: map[topicPartition]*partition{}}
	c.flow = newFlow(c.opts, 1<<20)
	given := map[string][]int32{testTopic: {0, 0}} // as with next_gen, when two topics of the name were assigned at once
	c.assigned(t.Context(), client, given)
	first := c.all()[0]
	c.assigned(t.Context(), client, given)
	<-first.ended
	second := c.all()
	if len(second) != 1 || second[0] == first || second[0].isStopping() {
		t.Errorf("the work on the partition that was given last does not go on")
	}
	c.drop(second)
	c.work.Wait()
}
