package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// firstStart reports whether this is the sync's first start: the group has no offset in any of the sync's topics, and had
// none while this instance has run. With `latest` it then commits the end of every partition there is, at once: what has
// no offset later has appeared since, and is read from its beginning.
func (c *Consumer) firstStart(ctx context.Context, s *survey, given map[string]map[int32]kgo.Offset) (bool, error) {
	if c.hasBegun(s.notes) {
		return false, nil
	}
	var err error
	switch c.opts.Start {
	case Earliest:
		c.begins()
	case Latest:
		s.notes, err = c.pinAll(ctx, given)
	}
	return true, err
}

func (c *Consumer) begins() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.begun = true
}

// hasBegun reports whether the group has an offset in a topic of the sync, or had one. It is remembered, here and in the
// group's mark: Kafka forgets the offsets of a topic that is deleted.
func (c *Consumer) hasBegun(notes kadm.OffsetResponses) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for topic, partitions := range notes {
		for _, p := range partitions {
			c.begun = c.begun || (c.ours(topic) || c.isMark(topic, p.Metadata)) && p.Err == nil && p.At >= 0
		}
	}
	return c.begun
}

// watchBegin is for an instance that has no partition: it would not learn otherwise that the sync has begun.
func (c *Consumer) watchBegin(ctx context.Context) {
	if c.hasBegun(nil) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	if notes, err := c.groupOffsets(ctx); err == nil {
		c.hasBegun(notes)
	}
}

// pinAll commits the ends of all partitions and returns the group's offsets. Of several instances that start at the same
// time one does it, the one that has the first partition; the others wait for it, or for a rebalance to end ctx.
func (c *Consumer) pinAll(ctx context.Context, given map[string]map[int32]kgo.Offset) (kadm.OffsetResponses, error) {
	ends, err := c.allEnds(ctx)
	if err != nil {
		return nil, err
	}
	if _, mine := given[ends[0].topic][ends[0].id]; mine {
		if err := c.commitAll(ctx, ends); err != nil {
			return nil, err
		}
		c.markBegun(ctx, time.Now())
	}
	for tries := 0; ; tries++ {
		notes, err := c.groupOffsets(ctx)
		if err != nil || c.hasBegun(notes) {
			return notes, err
		}
		if err := pipeline.Wait(ctx, min(backoff(tries), time.Second)); err != nil {
			return nil, err
		}
	}
}

// allEnds are the ends of all partitions of the sync's topics, in their order. The topics' ids are asked for before them: an
// end of a topic that is created again in between is then taken for the old one's, and the new one is read from its beginning.
func (c *Consumer) allEnds(ctx context.Context) ([]position, error) {
	details, err := Describe(ctx, c.client, c.opts.Topics...) // a pattern has none, which is all topics
	if err != nil {
		return nil, err
	}
	topics := map[string]bool{}
	for topic, d := range details {
		topics[topic] = d.Err == nil && c.ours(topic)
	}
	for topic, is := range topics {
		if !is {
			delete(topics, topic)
		}
	}
	b, err := c.bounds(ctx, topics)
	if err != nil {
		return nil, fmt.Errorf("find the ends of partitions to start from: %w", err)
	}
	var ends []position
	for _, topic := range sortedKeys(topics) {
		for _, d := range details[topic].Partitions.Sorted() {
			at, ok := b.of(topic, d.Partition)
			if !ok {
				return nil, fmt.Errorf("find the end of %s/%d: Kafka does not say where it is", topic, d.Partition)
			}
			ends = append(ends, position{topicPartition{topic, d.Partition}, TopicID(details[topic].ID), at.stable})
		}
	}
	if len(ends) == 0 {
		return nil, fmt.Errorf("find the ends of partitions to start from: %w", kerr.UnknownTopicOrPartition)
	}
	return ends, nil
}

// position is a place in a partition of one incarnation of a topic.
type position struct {
	topicPartition
	topicID string // "" where the broker gives none
	offset  int64
}

// commitAll commits for all partitions, those of other instances too, in one request: others see all of it or nothing.
func (c *Consumer) commitAll(ctx context.Context, ends []position) error {
	offsets, ids := map[string]map[int32]kgo.EpochOffset{}, map[topicPartition]string{}
	for _, e := range ends {
		if offsets[e.topic] == nil {
			offsets[e.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[e.topic][e.id], ids[e.topicPartition] = kgo.EpochOffset{Epoch: -1, Offset: e.offset}, e.topicID
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	if err := c.commitOffsets(ctx, noteTopics(ids), nil, offsets); err != nil {
		return fmt.Errorf("commit where group %s starts: %w", c.opts.Group, err)
	}
	c.opts.Log.Info("first start: committed the end of every partition, to read what is written from now on", "partitions", len(ends))
	return nil
}

// undecided stops a partition of a first start that must not begin by itself.
func (c *Consumer) undecided(topic string, id int32) {
	c.troubled(sourceStart, &pipeline.Trouble{Kind: pipeline.TroubleKafka, Stop: true,
		What: fmt.Sprintf("group %s has no offset for %s/%d and start is fail: set start, or the group's offsets", c.opts.Group, topic, id)})
}
