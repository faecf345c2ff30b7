package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Start says where a sync's first start begins, or where it goes on when Kafka no longer has its offset.
type Start string

const (
	Earliest Start = "earliest" // from the oldest record there is
	Latest   Start = "latest"   // only what is written from now on
	Fail     Start = "fail"     // not at all: the operator decides
)

// reset is what the client does by itself when Kafka refuses an offset that begin had found in the log. Where nothing is
// configured it goes to the nearest record: the log's start, or, where the log shrank, a little before what it read last.
func (s Start) reset() kgo.Offset {
	switch s {
	case Earliest:
		return kgo.NewOffset().AtStart()
	case Latest:
		return kgo.NewOffset().AtEnd()
	case Fail:
		return kgo.NoResetOffset()
	}
	return kgo.RewindOffset(time.Minute)
}

// begin runs between the assignment and the first fetch. It gives every partition the offset to read from, and what to
// commit if nothing comes: with the group's offset, that; without one, see firstStart; a partition that appeared after
// the first start is read from its beginning.
func (c *Consumer) begin(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	if len(offsets) == 0 {
		return offsets, nil
	}
	s, err := c.survey(ctx, offsets)
	if err != nil {
		return offsets, err
	}
	first, err := c.firstStart(ctx, s, offsets)
	if err != nil {
		return offsets, err
	}
	for topic, partitions := range offsets {
		for id, o := range partitions {
			if first && c.opts.Start == Fail {
				c.undecided(topic, id)
				continue
			}
			at, err := c.place(s, topicPartition{topic, id}, o)
			if err != nil {
				return offsets, err
			}
			partitions[id] = at
		}
	}
	return offsets, nil
}

// place is where one partition is read from.
func (c *Consumer) place(s *survey, p topicPartition, o kgo.Offset) (kgo.Offset, error) {
	at, known := s.bounds.of(p.topic, p.id)
	note, committed := s.note(p, o)
	switch {
	case !committed && !known:
		return o, fmt.Errorf("find the beginning of %s/%d: Kafka does not say where it is", p.topic, p.id)
	case !committed:
		c.opts.Log.Info("group has no offset for the partition; reading from its beginning", "topic", p.topic, "partition", p.id, "offset", at.start)
		return c.startAt(s, p, at.start), nil
	case s.otherTopic(p.topic, note.Metadata) && !known:
		return o, fmt.Errorf("find the beginning of %s/%d, which was created again: Kafka does not say where it is", p.topic, p.id)
	case s.otherTopic(p.topic, note.Metadata):
		c.opts.Log.Warn("topic was deleted and created again since the group's offset was committed; reading the new one from its beginning",
			"topic", p.topic, "partition", p.id, "committed", note.At, "offset", at.start)
		c.opts.Metrics.moved.WithLabelValues(p.topic, movedTopicAgain).Inc()
		return c.startAt(s, p, at.start), nil
	case known && (note.At < at.start || note.At > at.end):
		return c.outOfRange(s, p, note.At, at, o), nil
	}
	stamped := note.At
	if !s.sameTopic(p.topic, note.Metadata) {
		stamped = -1 // commit it again, with the topic's id
	}
	c.goFrom(s, p, kgo.EpochOffset{Epoch: note.LeaderEpoch, Offset: note.At}, stamped)
	if o.EpochOffset().Offset == note.At {
		return o, nil
	}
	return kgo.NewOffset().At(note.At), nil // it was committed after the client asked: the first start's
}

// outOfRange is where reading goes on when Kafka no longer has the group's offset: at the nearest that it has, or as
// out_of_range says.
func (c *Consumer) outOfRange(s *survey, p topicPartition, committed int64, at asked, o kgo.Offset) kgo.Offset {
	to := at.start
	if committed > at.end {
		to = at.end
	}
	switch c.opts.OutOfRange {
	case Earliest:
		to = at.start
	case Latest:
		to = at.stable
	case Fail:
		c.gone(p)
		return o
	}
	if committed < at.start {
		c.overtaken(p.topic, p.id, committed, at.start)
	} else {
		c.opts.Log.Error("the group's offset is beyond the end of the partition: Kafka lost records, or the offset was set by hand",
			"topic", p.topic, "partition", p.id, "committed", committed, "end", at.end, "reads_from", to)
		c.opts.Metrics.moved.WithLabelValues(p.topic, movedBeyondEnd).Inc()
	}
	return c.startAt(s, p, to)
}

// startAt has a partition read from an offset of ours, and that committed; without an epoch, because none was seen of it.
func (c *Consumer) startAt(s *survey, p topicPartition, offset int64) kgo.Offset {
	c.goFrom(s, p, kgo.EpochOffset{Epoch: -1, Offset: offset}, -1)
	return kgo.NewOffset().At(offset)
}

// goFrom tells a partition in which topic it begins and where, and what is committed for it: -1 has where it begins committed.
func (c *Consumer) goFrom(s *survey, key topicPartition, at kgo.EpochOffset, committed int64) {
	p := c.part(key.topic, key.id)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next.Offset < 0 {
		p.next, p.committed, p.fetchedTo = at, committed, at.Offset
		p.topicID = s.ids[key.topic]
	}
}
