package kafka

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tokrelay/tokrelay/pipeline"
)

// errNotOurs ends a transaction with a chunk whose partition was given up: its records were written already.
var errNotOurs = errors.New("a partition of the transaction was given up")

// enterTransaction holds plain commits of chunks' partitions back: one that came between the offset in a transaction and its end
// would count as the later one. It waits for a commit that is under way.
func (c *Consumer) enterTransaction(list []*transacted) {
	c.committing.take()
	defer c.committing.end()
	for _, w := range list {
		if p := c.part(w.chunk.Topic, w.chunk.Partition); p != nil {
			p.mu.Lock()
			p.inTransaction = true
			p.mu.Unlock()
		}
	}
}

// leftTransaction tells a chunk's partition how its transaction ended. Once committed, plain commits go on when it settles.
func (c *Consumer) leftTransaction(w *transacted, committed bool) {
	p := c.part(w.chunk.Topic, w.chunk.Partition)
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if committed && w.now.in {
		p.committed = behind(w.chunk)
	} else {
		p.inTransaction = false
	}
}

// leaveTransaction lets plain commits go on, with the place that has just settled. The caller holds mu.
func (p *partition) leaveTransaction() {
	if p.inTransaction && p.next.Offset == p.committed {
		p.settled = 0
	}
	p.inTransaction = false
}

// behind is the offset after a chunk's last record.
func behind(chunk *pipeline.Chunk) int64 { return chunk.Records[len(chunk.Records)-1].Offset + 1 }

// vouch puts the offsets of chunks into a transaction, in the name of this member of the group. The generation is
// read before the chunks' contexts, which end when their partitions are given up: either the generation is too old by then, and
// Kafka refuses, or the partitions are ours, and their next readers wait for the transaction.
func (c *Consumer) vouch(r *kmsg.TxnOffsetCommitRequest, list []*transacted) error {
	list = slices.DeleteFunc(slices.Clone(list), func(w *transacted) bool { return !w.now.in })
	first := c.part(list[0].chunk.Topic, list[0].chunk.Partition)
	if first == nil {
		return errNotOurs
	}
	member, generation := first.client.GroupMetadata()
	for _, w := range list {
		p := c.part(w.chunk.Topic, w.chunk.Partition)
		if p == nil || w.ctx.Err() != nil || w.isGone() {
			return errNotOurs
		}
		addOffset(r, w.chunk, p.beganIn())
	}
	if err := c.member.Check(member); err != nil {
		c.end(first.client)
		return err
	}
	r.MemberID, r.Generation = member, generation
	if c.cfg.InstanceID != "" {
		r.InstanceID = &c.cfg.InstanceID
	}
	return nil
}

// addOffset adds where a chunk ends. The note is that of plain commits (noteTopics).
func addOffset(r *kmsg.TxnOffsetCommitRequest, chunk *pipeline.Chunk, topicID string) {
	p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	p.Partition, p.Offset = chunk.Partition, behind(chunk)
	if topicID != "" {
		p.Metadata = new(topicNote + topicID)
	}
	for i := range r.Topics {
		if r.Topics[i].Topic == chunk.Topic {
			r.Topics[i].Partitions = append(r.Topics[i].Partitions, p)
			return
		}
	}
	t := kmsg.NewTxnOffsetCommitRequestTopic()
	t.Topic, t.Partitions = chunk.Topic, append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
}
