package kafka

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

const (
	tickEvery   = time.Second
	commitEvery = 100 * time.Millisecond // at most, while rows settle
	endsEvery   = 15                     // ticks between questions for the partitions' ends, which a stalled sync does not learn by fetching
	askTopics   = 10                     // ticks between questions whether the topics are there, and are the same
	stuckAfter  = time.Second
	pauseReason = "stuck"
)

// commitSettled commits soon after rows have settled: an instance that is killed then repeats what was in flight, and a tenth of a second's
// worth of rows.
func (c *Consumer) commitSettled(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.flow.settled:
		}
		if pipeline.Wait(ctx, commitEvery) != nil {
			return
		}
		c.commitNow()
	}
}

// tick does what is due every second: commit what was not taken before, look at the connections, tell how far behind the sync is, hold
// back what is stuck.
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
			if c.hasBegun(nil) {
				c.markBegun(ctx, now)
			}
			if n%endsEvery == 0 {
				c.askEnds(ctx, now)
				c.watchBegin(ctx)
			}
			if n%askTopics == 0 {
				c.lookAtTopics(ctx)
			}
			parts := c.all()
			c.holdBack(parts, now)
			for _, p := range parts {
				records, age := p.lag(now)
				open, _ := p.opened(now)
				c.opts.Metrics.partition(p, records, age, open)
			}
		}
	}
}

func (c *Consumer) commitNow() {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	c.committing.take()
	defer c.committing.end()
	c.commit(ctx, c.all())
}

// holdBack pauses a partition that has been waiting for its oldest chunk and holds more than half of the budget, as
// long as there are others that could go on. Pausing is costly (franz-go drops what it has buffered of the partition,
// and a resumed one waits for the next fetch), so nothing that moves is ever paused.
func (c *Consumer) holdBack(parts []*partition, now time.Time) {
	half, held := c.flow.half(), int64(0)
	stuck, news := map[topicPartition]bool{}, map[string][]int32{}
	for _, p := range parts {
		changed, paused := p.updatePaused(now, half, len(parts) > 1)
		if changed && paused {
			news[p.topic] = append(news[p.topic], p.id)
		}
		if weight, paused := p.holds(); paused {
			held += weight
			stuck[p.key()] = true
		}
		if p.waits(now) {
			stuck[p.key()] = true
		}
	}
	c.resumeBut(stuck, c.client.PauseFetchPartitions(news))
	c.flow.setPaused(held)
	c.opts.Metrics.paused.WithLabelValues(pauseReason).Set(float64(len(stuck)))
}

// resumeBut goes on with what the client has paused and is not stuck. The client keeps a partition paused when it is given
// up: without this it would not be read if it came back.
func (c *Consumer) resumeBut(stuck map[topicPartition]bool, paused map[string][]int32) {
	resume := map[string][]int32{}
	for topic, ids := range paused {
		for _, id := range ids {
			if !stuck[topicPartition{topic, id}] {
				resume[topic] = append(resume[topic], id)
			}
		}
	}
	if len(resume) > 0 {
		c.client.ResumeFetchPartitions(resume)
	}
}

// updatePaused decides whether the partition is to be paused, and reports whether that is news.
func (p *partition) updatePaused(now time.Time, half int64, others bool) (changed, paused bool) {
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
