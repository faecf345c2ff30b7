package kafka

import (
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// openAfter is how long a partition waits for an open transaction before the operator is told: longer than transactions
// of a healthy producer take.
const openAfter = 5 * time.Minute

// noteOpen keeps since when an open transaction has held the partition: all that can be read was read, there is more,
// and the place has not moved since it was asked last. The caller holds mu.
func (p *partition) noteOpen(a asked, still bool, now time.Time) {
	readAll := a.position >= a.stable || still // aborted rows before the place are never handed to us
	held := a.end > a.stable && a.stable == p.asked.stable && readAll
	switch {
	case !held:
		p.openSince = time.Time{}
	case p.openSince.IsZero():
		p.openSince = now
	}
}

// opened is for how long an open transaction has held the partition, and at which offset.
func (p *partition) opened(now time.Time) (time.Duration, int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.openSince.IsZero() {
		return 0, 0
	}
	return now.Sub(p.openSince), p.asked.stable
}

// reportOpen tells the operator of the transaction that has held a partition for longest, once that is too long.
func (c *Consumer) reportOpen(parts []*partition, now time.Time) {
	var longest time.Duration
	var what string
	held := 0
	for _, p := range parts {
		d, at := p.opened(now)
		if d >= openAfter {
			held++
		}
		if d >= openAfter && d > longest {
			longest, what = d, fmt.Sprintf("an open transaction holds %s/%d at offset %d", p.topic, p.id, at)
		}
	}
	if held == 0 {
		c.calm(sourceTransaction)
		return
	}
	if held > 1 {
		what += fmt.Sprintf(", and %d more partition(s)", held-1)
	}
	c.troubled(sourceTransaction, &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: what + ": rows after it are read once its " +
		"producer ends it, or Kafka does (transaction.timeout.ms); find the producer with kafka-transactions.sh find-hanging"})
}
