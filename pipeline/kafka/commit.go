package kafka

import (
	"cmp"
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// commit writes how far the partitions have settled, and reports whether it is worth trying again at once. The caller
// holds the semaphore of commits: an offset collected before a fence is then never sent after it. What Kafka does not take
// before ctx ends is committed with the next round.
func (c *Consumer) commit(ctx context.Context, parts []*partition) (again bool) {
	offsets, ids := toCommit(parts)
	if len(offsets) == 0 {
		return false
	}
	failure := c.commitOffsets(ctx, noteTopics(ids), parts, offsets)
	c.committed(failure)
	if errors.Is(failure, ErrPutOut) {
		c.end(c.client)
	}
	return failure != nil && passes(failure)
}

// commitOffsets has Kafka keep offsets, with the notes that note writes beside them, and returns its refusal. parts learn
// what it took of theirs.
func (c *Consumer) commitOffsets(ctx context.Context, note func(*kmsg.OffsetCommitRequest) error, parts []*partition, offsets map[string]map[int32]kgo.EpochOffset) (failure error) {
	checked := func(r *kmsg.OffsetCommitRequest) error { return cmp.Or(c.member.Check(r.MemberID), note(r)) }
	c.client.CommitOffsetsSync(kgo.PreCommitFnContext(ctx, checked), offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		failure = err
		if err == nil {
			failure = noteCommitted(c.opts.Group, parts, offsets, answer)
			c.noteRefused(answer)
		}
	})
	return failure
}

// passes reports whether a commit that failed may succeed later. Any answer but a passing one is for good: the partition
// is another member's by now, or gone, or this client may not commit.
func passes(failure error) bool {
	answer, ok := errors.AsType[*kerr.Error](failure)
	switch {
	case !ok:
		return !errors.Is(failure, kgo.ErrClientClosed) && !errors.Is(failure, ErrPutOut) // no answer yet
	case answer == kerr.RebalanceInProgress, answer == kerr.StaleMemberEpoch:
		return true
	}
	return answer.Retriable && answer != kerr.UnknownTopicOrPartition && answer != kerr.UnknownTopicID
}

// toCommit is what is due, and the ids of the topics that it was read from.
func toCommit(parts []*partition) (map[string]map[int32]kgo.EpochOffset, map[topicPartition]string) {
	offsets, ids := map[string]map[int32]kgo.EpochOffset{}, map[topicPartition]string{}
	for _, p := range parts {
		next, due := p.due()
		if !due {
			continue
		}
		if offsets[p.topic] == nil {
			offsets[p.topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[p.topic][p.id], ids[p.key()] = next, p.beganIn()
	}
	return offsets, ids
}

// noteCommitted takes what Kafka accepted, and returns a refusal. What settled in a topic that is gone is forgotten:
// it is not read again.
func noteCommitted(group string, parts []*partition, offsets map[string]map[int32]kgo.EpochOffset, answer *kmsg.OffsetCommitResponse) error {
	var refusal error
	accepted, gone := map[topicPartition]bool{}, map[topicPartition]bool{}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				refusal = Lacking(err, "Read", "topic "+t.Topic)
				if errors.Is(err, kerr.GroupAuthorizationFailed) {
					refusal = Lacking(err, "Read", "group "+group)
				}
				gone[topicPartition{t.Topic, p.Partition}] = errors.Is(err, kerr.UnknownTopicID)
				continue
			}
			accepted[topicPartition{t.Topic, p.Partition}] = true
		}
	}
	for _, p := range parts {
		if accepted[p.key()] {
			p.noteCommitted(offsets[p.topic][p.id].Offset)
		}
		if gone[p.key()] {
			p.forgetSettled()
		}
	}
	return refusal
}

// committed counts, and says once that commits fail and once that they work again.
func (c *Consumer) committed(failure error) {
	c.opts.Metrics.committed(failure == nil)
	switch {
	case failure != nil && !c.failed:
		c.opts.Log.Warn("offsets are not committed; rows settled since are repeated if this instance ends now", "error", failure)
	case failure == nil && c.failed:
		c.opts.Log.Info("offsets are committed again")
	}
	c.failed = failure != nil
}

// due is the offset to commit, and whether it is news.
func (p *partition) due() (kgo.EpochOffset, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offered = p.settled
	return p.next, p.next.Offset >= 0 && p.next.Offset != p.committed && !p.inTransaction
}

func (p *partition) noteCommitted(offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.committed, p.settled = offset, p.settled-p.offered
	p.offered = 0
}

func (p *partition) forgetSettled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settled, p.offered = p.settled-p.offered, 0
}

// unsettled is the number of rows that were handed over and have not settled.
func (p *partition) unsettled() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.handed
}

// uncommitted is the number of settled rows whose offset Kafka has not taken, and the offset its next reader starts from:
// -1 where the group has none.
func (p *partition) uncommitted() (rows int, from int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.settled, p.committed
}

// semaphore is held by one at a time. It may be held while Kafka is waited for, so it is a channel and no mutex: under
// virtual time, what waits for a mutex holds up the clock.
type semaphore chan struct{}

func newSemaphore() semaphore { return make(semaphore, 1) }
func (s semaphore) take()     { s <- struct{}{} }
func (s semaphore) end()      { <-s }
