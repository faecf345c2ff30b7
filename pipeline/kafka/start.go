package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Start says where a partition is read from when the group has no offset for it, or one that Kafka no longer has.
type Start string

const (
	Earliest Start = "earliest" // from the oldest record there is
	Latest   Start = "latest"   // only what is written from now on
	Fail     Start = "fail"     // not at all: somebody must decide
)

func (s Start) offset() kgo.Offset {
	switch s {
	case Latest:
		return kgo.NewOffset().AtEnd()
	case Fail:
		return kgo.NewOffset().AtCommitted()
	}
	return kgo.NewOffset().AtStart()
}

func (s Start) reset() kgo.Offset {
	switch s {
	case Latest:
		return kgo.NewOffset().AtEnd()
	case Fail:
		return kgo.NoResetOffset()
	}
	return kgo.NewOffset().AtStart()
}

// begin runs between the assignment and the first fetch: it tells every partition where it stands, and pins `latest`
// to the end offset of this moment. Without the pin a partition that got no record before a restart would skip what
// was written meanwhile.
func (c *Consumer) begin(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	for topic, partitions := range offsets {
		for id, o := range partitions {
			if c.startsOver(topic, id) {
				partitions[id] = kgo.NewOffset().At(0)
				continue
			}
			if at := o.EpochOffset(); at.Offset >= 0 {
				c.standAt(topic, id, at, at.Offset)
			}
		}
	}
	if topics := c.unclear(offsets); c.opts.Start != Earliest && len(topics) > 0 {
		return offsets, c.pin(ctx, offsets, topics)
	}
	return offsets, nil
}

// unclear are the topics that are new to this consumer, whose partitions it has to count, and those of partitions
// without an offset.
func (c *Consumer) unclear(offsets map[string]map[int32]kgo.Offset) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var topics []string
	for topic, partitions := range offsets {
		_, known := c.atStart[topic]
		if !known || slices.ContainsFunc(slices.Collect(maps.Values(partitions)), hasNone) {
			topics = append(topics, topic)
		}
	}
	return topics
}

func hasNone(o kgo.Offset) bool { return o.EpochOffset().Offset < 0 }

func (c *Consumer) pin(ctx context.Context, offsets map[string]map[int32]kgo.Offset, topics []string) error {
	ends, err := kadm.NewClient(c.client).ListEndOffsets(ctx, topics...)
	if err != nil {
		return fmt.Errorf("find the ends of partitions to start from: %w", err)
	}
	for _, topic := range topics {
		known := c.partitionsAtStart(topic, len(ends[topic]))
		for id, o := range offsets[topic] {
			if !hasNone(o) {
				continue
			}
			if c.opts.Start == Fail && int(id) < known {
				c.troubled(sourceStart, &pipeline.Trouble{Kind: pipeline.TroubleKafka, Stop: true,
					What: fmt.Sprintf("group %s has no offset for %s/%d and start is fail: set start, or the group's offsets", c.opts.Group, topic, id)})
				continue
			}
			at, err := startOf(ends, topic, id, known)
			if err != nil {
				return err
			}
			offsets[topic][id] = kgo.NewOffset().At(at.Offset)
			c.standAt(topic, id, at, -1)
		}
	}
	return nil
}

// startOf is the end of the partition, or its beginning when it was added to the topic while we were reading it: its
// first records were written after this sync began.
func startOf(ends kadm.ListedOffsets, topic string, id int32, known int) (kgo.EpochOffset, error) {
	end, ok := ends.Lookup(topic, id)
	switch {
	case !ok:
		return kgo.EpochOffset{}, fmt.Errorf("find the end of %s/%d: not in Kafka's answer", topic, id)
	case end.Err != nil:
		return kgo.EpochOffset{}, fmt.Errorf("find the end of %s/%d: %w", topic, id, end.Err)
	case int(id) >= known:
		return kgo.EpochOffset{Epoch: -1}, nil
	}
	return kgo.EpochOffset{Epoch: -1, Offset: end.Offset}, nil
}

// partitionsAtStart is how many partitions the topic had when this consumer first saw it.
func (c *Consumer) partitionsAtStart(topic string, now int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.atStart[topic]; ok {
		return known
	}
	c.atStart[topic] = now
	return now
}
