package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// noteEnds keeps what a fetch says about the partition, and reports when retention overtook the sync.
func (c *Consumer) noteEnds(p *partition, f *kgo.FetchPartition) {
	if f.Err != nil {
		return
	}
	end := f.HighWatermark
	if c.cfg.Isolation == ReadCommitted {
		end = f.LastStableOffset
	}
	start := f.LogStartOffset
	if len(f.Records) > 0 {
		start = min(start, f.Records[0].Offset) // what is here was not lost, whatever was removed since
	}
	p.mu.Lock()
	p.end = end
	from := p.fetchedTo
	if from >= 0 {
		p.fetchedTo = max(from, start)
	}
	p.mu.Unlock()
	if from >= 0 && start > from {
		c.overtaken(p.topic, p.id, from, start)
	}
}

// overtaken reports that Kafka removed offsets before they were read.
func (c *Consumer) overtaken(topic string, id int32, from, to int64) {
	c.opts.Log.Error("records were removed from Kafka before they were read", "topic", topic, "partition", id, "from", from, "to", to)
	c.opts.Metrics.lost.WithLabelValues(topic).Add(float64(to - from))
	c.opts.Metrics.moved.WithLabelValues(topic, movedBelowStart).Inc()
}

// asked is what Kafka said of a partition's ends, and how far the partition had been read then.
type asked struct {
	start    int64 // oldest offset
	stable   int64 // end of what can be read: the start of the oldest open transaction, or end
	end      int64
	position int64
}

// askEnds asks for the ends of all partitions: what is not fetched does not tell them.
func (c *Consumer) askEnds(ctx context.Context, now time.Time) {
	parts := c.all()
	if len(parts) == 0 {
		return
	}
	byTopic := map[string]bool{}
	for _, p := range parts {
		byTopic[p.topic] = true
	}
	b, err := c.bounds(ctx, byTopic)
	if err != nil {
		return
	}
	quiet := c.client.BufferedFetchRecords() == 0
	for _, p := range parts {
		if a, ok := b.of(p.topic, p.id); ok {
			if from, to := p.noteBounds(a, quiet, now); to > from {
				c.overtaken(p.topic, p.id, from, to)
			}
		}
	}
	c.reportOpen(parts, now)
	c.lookAtStuck(parts)
}

// noteBounds keeps what Kafka said when it was asked. It returns the offsets that retention removed before they were read.
// quiet: the client has no records that were not handed to us.
func (p *partition) noteBounds(a asked, quiet bool, now time.Time) (from, to int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a.position = p.fetchedTo
	still := quiet && len(p.pending) == 0 && p.handed == 0 && a.position == p.asked.position // since it was asked last
	p.noteOpen(a, still, now)
	p.stuck = still && a.position >= a.start && a.stable > a.position && p.lookAgain.IsZero()
	p.end, p.asked = a.stable, a
	if !still || a.position < 0 || a.start <= a.position {
		return 0, 0
	}
	p.skipTo, p.fetchedTo = a.start, a.start
	signal(p.wake)
	return a.position, a.start
}

// bounds are the ends of partitions.
type bounds struct{ starts, stable, ends kadm.ListedOffsets }

// bounds asks for the ends of topics. Partitions that Kafka says nothing of, because they have no leader, are left out.
func (c *Consumer) bounds(ctx context.Context, topics map[string]bool) (b bounds, err error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	names := sortedKeys(topics)
	adm := kadm.NewClient(c.client)
	if b.starts, err = adm.ListStartOffsets(ctx, names...); err != nil {
		return b, err
	}
	if b.ends, err = adm.ListEndOffsets(ctx, names...); err != nil {
		return b, err
	}
	b.stable = b.ends
	if c.cfg.Isolation == ReadCommitted {
		b.stable, err = adm.ListCommittedOffsets(ctx, names...)
	}
	return b, err
}

func (b bounds) of(topic string, id int32) (asked, bool) {
	start, ok1 := b.starts.Lookup(topic, id)
	stable, ok2 := b.stable.Lookup(topic, id)
	end, ok3 := b.ends.Lookup(topic, id)
	ok := ok1 && ok2 && ok3 && start.Err == nil && stable.Err == nil && end.Err == nil
	return asked{start: start.Offset, stable: stable.Offset, end: end.Offset}, ok
}

// lag is how many records are behind the committed offset, and how old the oldest one is that has not settled. What an
// open transaction holds back does not count: it cannot be read.
func (p *partition) lag(now time.Time) (int64, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.committed
	if from < 0 {
		from = max(p.next.Offset, 0)
	}
	records := max(p.end-from, 0)
	oldest := p.oldest
	if oldest.IsZero() && len(p.pending) > 0 {
		oldest = written(p.pending[0].Timestamp)
	}
	switch {
	case !oldest.IsZero():
	case !p.openSince.IsZero():
		records = max(min(p.end, p.next.Offset)-from, 0)
	case p.end > p.next.Offset:
		oldest = p.newest // the next one is not here yet; it is at most this old
	}
	if oldest.IsZero() || records == 0 {
		return records, 0
	}
	return records, max(now.Sub(oldest), 0)
}

// written is a record's timestamp, or zero where its producer gave none: Kafka has -1 then.
func written(t time.Time) time.Time {
	if t.UnixMilli() <= 0 {
		return time.Time{}
	}
	return t
}
