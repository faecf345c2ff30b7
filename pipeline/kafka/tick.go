package kafka

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	tickEvery   = time.Second
	endsEvery   = 15 // ticks between questions for the partitions' ends, which a stalled sync does not learn by fetching
	stuckAfter  = time.Second
	pauseReason = "stuck"
)

// tick does what is due every second: commit, look at the connections, tell how far behind the sync is, hold back
// what is stuck.
func (c *Consumer) tick(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			c.commitNow()
			c.checkHealth(now)
			c.readRecreated()
			if n%endsEvery == 0 {
				c.askEnds(ctx)
			}
			parts := c.all()
			c.holdBack(parts, now)
			for _, p := range parts {
				records, age := p.lag(now)
				c.opts.Metrics.Lag(p.topic, p.id, records, age)
			}
		}
	}
}

func (c *Consumer) commitNow() {
	c.commitMu.Lock()
	defer c.commitMu.Unlock()
	c.commit(c.all())
}

// holdBack pauses a partition that has been waiting for its oldest chunk and holds more than half of the budget, as
// long as there are others that could go on. Pausing is costly (franz-go drops what it has buffered of the partition,
// and a resumed one waits for the next fetch), so nothing that moves is ever paused.
func (c *Consumer) holdBack(parts []*partition, now time.Time) {
	half, held, n := int64(c.cfg.Budget)/2, int64(0), 0
	pause, resume := map[string][]int32{}, map[string][]int32{}
	for _, p := range parts {
		switch changed, paused := p.judge(now, half, len(parts) > 1); {
		case changed && paused:
			pause[p.topic] = append(pause[p.topic], p.id)
		case changed:
			resume[p.topic] = append(resume[p.topic], p.id)
		}
		if weight, paused := p.holds(); paused {
			held += weight
			n++
		}
	}
	c.client.PauseFetchPartitions(pause)
	c.client.ResumeFetchPartitions(resume)
	c.flow.setPaused(held)
	c.opts.Metrics.Paused(pauseReason, n)
}

// judge decides whether the partition is to be paused, and tells whether that is news.
func (p *partition) judge(now time.Time, half int64, others bool) (changed, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.paused
	switch {
	case !others, p.held < half/2:
		p.paused = false
	case p.held > half && !p.headSince.IsZero() && now.Sub(p.headSince) > stuckAfter:
		p.paused = true
	}
	return p.paused != was, p.paused
}

func (p *partition) holds() (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held, p.paused
}

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
	if p.fetchedTo >= 0 && f.LogStartOffset > p.fetchedTo {
		c.opts.Log.Error("records were removed from Kafka before they were read", "topic", p.topic, "partition", p.id,
			"from", p.fetchedTo, "to", f.LogStartOffset)
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

// topicSet collects topics between two ticks.
type topicSet struct {
	mu     sync.Mutex
	topics map[string]bool
}

func (s *topicSet) add(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics == nil {
		s.topics = map[string]bool{}
	}
	s.topics[topic] = true
}

func (s *topicSet) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var topics []string
	for t := range s.topics {
		topics = append(topics, t)
	}
	clear(s.topics)
	return topics
}

// readRecreated makes franz-go forget topics that were deleted and created again, and read the new ones: it never
// does so by itself.
func (c *Consumer) readRecreated() {
	for _, topic := range c.recreated.take() {
		c.opts.Log.Warn("topic was deleted and created again; reading the new one", "topic", topic)
		c.forget(topic)
		c.client.PurgeTopicsFromConsuming(topic)
		if c.opts.Pattern == "" {
			c.client.AddConsumeTopics(topic)
		}
	}
}

// forget drops a topic's partitions without committing, and has the new topic's start over: the old offsets mean
// nothing in it.
func (c *Consumer) forget(topic string) {
	c.commitMu.Lock()
	defer c.commitMu.Unlock()
	c.drop(slices.DeleteFunc(c.all(), func(p *partition) bool { return p.topic != topic }))
	c.mu.Lock()
	c.again[topic] = map[int32]bool{}
	c.mu.Unlock()
}
