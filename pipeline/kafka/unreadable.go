package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// A partition with a batch that cannot be read is asked again after this long: the batch may have been repaired, by a
// replica that took over, or removed.
const (
	lookAgainAfter = 30 * time.Second
	lookFor        = 5 * time.Second
)

// unreadable handles what polling says of a batch that cannot be read: its partition is held, the others go on. It
// reports whether the failure was one.
func (c *Consumer) unreadable(topic string, id int32, err error) bool {
	p := c.part(topic, id)
	if p == nil {
		return false
	}
	b := c.damaged(p, err)
	if b == nil {
		return false
	}
	p.mu.Lock()
	p.lookAgain = time.Now().Add(lookAgainAfter)
	p.mu.Unlock()
	c.client.PauseFetchPartitions(map[string][]int32{topic: {id}}) // it would be fetched again at once
	c.troubled(p.batchSource(), &pipeline.Trouble{Kind: pipeline.TroubleBatch, Stop: true, What: c.unreadableWords(b)})
	if p.isPast(b.Last) { // it was read while it was looked at
		c.readable(p)
	}
	return true
}

// lookAtStuck looks at what comes next in a partition that does not move though Kafka has more: a batch whose checksum is right
// and whose records are not is fetched again and again by franz-go without a word. One partition at a time: a look may take
// as long as Kafka does.
func (c *Consumer) lookAtStuck(parts []*partition) {
	for _, p := range parts {
		p.mu.Lock()
		stuck := p.stuck
		p.stuck = false
		p.mu.Unlock()
		if stuck {
			c.unreadable(p.topic, p.id, errStuck)
			return
		}
	}
}

var errStuck = errors.New("nothing is read, though there is more")

// damaged is the batch that polling failed for, nil when another thing failed. What franz-go makes of damaged bytes has no
// type, so the batch is asked for once more, alone.
func (c *Consumer) damaged(p *partition, err error) *Batch {
	if large, ok := errors.AsType[*kgo.ErrDecompressTooLarge](err); ok {
		return &Batch{Topic: p.topic, Partition: p.id, First: large.Offset, Last: large.NextOffset - 1, Fault: large}
	}
	if _, ok := errors.AsType[*kerr.Error](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, kgo.ErrClientClosed) {
		return nil
	}
	p.mu.Lock()
	at := max(p.fetchedTo, p.next.Offset, 0)
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), lookFor)
	defer cancel()
	b, failed := c.cfg.BatchAt(ctx, c.client, p.topic, p.id, at)
	if failed != nil || b == nil || b.Fault == nil {
		return nil
	}
	return b
}

func (c *Consumer) unreadableWords(b *Batch) string {
	cure := "repair the topic, or"
	if errors.Is(b.Fault, kgo.ErrMaxDecompress) {
		cure = "raise kafka.max_batch_bytes, or"
	}
	return fmt.Sprintf("%v; the other partitions go on. To go on behind it, %s stop every instance of the sync and run: tokrelay skip --sync %s --topic %s --partition %d --offset %d",
		b, cure, c.opts.Sync, b.Topic, b.Partition, b.First)
}

func (p *partition) batchSource() string { return fmt.Sprintf("kafka batch %s/%d", p.topic, p.id) }

// readable takes a partition's trouble back once something of it was read.
func (c *Consumer) readable(p *partition) {
	p.mu.Lock()
	held := !p.lookAgain.IsZero()
	p.lookAgain = time.Time{}
	p.mu.Unlock()
	if held {
		c.calm(p.batchSource())
	}
}

func (p *partition) isPast(offset int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetchedTo > offset
}

// waits reports whether the partition is held for a batch that cannot be read.
func (p *partition) waits(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return now.Before(p.lookAgain)
}
