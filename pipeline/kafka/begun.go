package kafka

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka drops a group's offsets in a topic that is deleted. That a sync has begun is therefore also kept as an offset
// of the group in a topic of ours: the mark. Kafka forgets it after offsets.retention.minutes, because no member reads
// that topic, so it is committed again and again.
const (
	markEvery = time.Hour
	markAgain = time.Minute // after a failure
)

// begunMark is the note of the mark. It is of what the sync reads: a sync whose topics are all other ones starts as
// for the first time.
func begunMark(o ConsumerOptions) string {
	topics := slices.Sorted(slices.Values(o.Topics))
	sum := sha256.Sum256([]byte(o.Pattern + "\n" + strings.Join(topics, "\n")))
	return "begun=" + hex.EncodeToString(sum[:8])
}

// isMark reports whether an offset of the group says that the sync has begun.
func (c *Consumer) isMark(topic, note string) bool {
	return topic == c.opts.MarkTopic && note == begunMark(c.opts)
}

// markBegun commits the mark when it is due. With `earliest` none is needed: whether a sync begins or goes on, it reads a
// partition without an offset from its beginning.
func (c *Consumer) markBegun(ctx context.Context, now time.Time) {
	if c.opts.MarkTopic == "" || c.opts.Start == Earliest || len(c.all()) == 0 || !c.markDue(now, markAgain) {
		return
	}
	if err := c.commitMark(ctx); err != nil {
		c.opts.Log.Warn("could not note that the sync has begun; a source topic that is deleted and created again while no instance runs would be taken for a first start",
			"topic", c.opts.MarkTopic, "error", err)
		return
	}
	c.markDue(now.Add(markAgain), markEvery)
}

// markDue reports whether the mark is due, and if so, puts it off.
func (c *Consumer) markDue(now time.Time, next time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.markAt) {
		return false
	}
	c.markAt = now.Add(next)
	return true
}

// commitMark commits the topic's end: tools that show groups then show no lag in it.
func (c *Consumer) commitMark(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	topic, note := c.opts.MarkTopic, begunMark(c.opts)
	ends, err := kadm.NewClient(c.client).ListEndOffsets(ctx, topic)
	if err != nil {
		return fmt.Errorf("find the end of %s: %w", topic, err)
	}
	end, ok := ends.Lookup(topic, 0)
	if !ok {
		end.Err = kerr.UnknownTopicOrPartition
	}
	if end.Err != nil {
		return fmt.Errorf("find the end of %s: %w", topic, end.Err)
	}
	mark := func(r *kmsg.OffsetCommitRequest) error {
		r.Topics[0].Partitions[0].Metadata = &note
		return nil
	}
	return c.commitOffsets(ctx, mark, nil, map[string]map[int32]kgo.EpochOffset{topic: {0: {Epoch: -1, Offset: end.Offset}}})
}
