package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// noteEnds keeps what a fetch tells about the partition, and says when retention overtook the sync.
func (c *Consumer) noteEnds(p *partition, f *kgo.FetchPartition) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.Err != nil {
		return
	}
	p.end = f.HighWatermark
	if c.cfg.Isolation == ReadCommitted {
		p.end = f.LastStableOffset
	}
	next := p.fetchedTo
	if next < 0 {
		next = p.committed // where an earlier instance stopped
	}
	if next >= 0 && f.LogStartOffset > next {
		c.opts.Log.Error("records were removed from Kafka before they were read", "topic", p.topic, "partition", p.id,
			"from", next, "to", f.LogStartOffset)
		c.opts.Metrics.Lost(p.topic, f.LogStartOffset-next)
		p.fetchedTo = f.LogStartOffset
	}
}

// askEnds asks for the ends of all partitions.
func (c *Consumer) askEnds(ctx context.Context) {
	byTopic := map[string][]*partition{}
	for _, p := range c.all() {
		byTopic[p.topic] = append(byTopic[p.topic], p)
	}
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	for topic, parts := range byTopic {
		ends, err := kadm.NewClient(c.client).ListEndOffsets(ctx, topic)
		if err != nil {
			return
		}
		for _, p := range parts {
			if end, ok := ends.Lookup(topic, p.id); ok && end.Err == nil {
				p.noteEnd(end.Offset)
			}
		}
	}
}

func (p *partition) noteEnd(end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end = max(p.end, end)
}

// lag is how many records are behind the committed offset, and how old the oldest one is that has not settled.
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
		oldest = p.pending[0].Timestamp
	}
	if oldest.IsZero() && p.end > p.next.Offset {
		oldest = p.newest // the next one is not here yet; it is at most this old
	}
	if oldest.IsZero() || records == 0 {
		return records, 0
	}
	return records, max(now.Sub(oldest), 0)
}
