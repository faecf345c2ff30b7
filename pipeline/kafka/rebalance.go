package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// assigned starts a partition's work. franz-go calls it before the first fetch, and never at the same time as revoked
// or lost. A partition that is worked on already, of a topic that was created again, is another one now: the old work ends.
// The same partition may be in one list twice, as may what the coordinator assigned: it gets one worker.
func (c *Consumer) assigned(_ context.Context, client *kgo.Client, given map[string][]int32) {
	if client != c.using() {
		return
	}
	c.calm(sourceGroup)
	if c.member.Joined(client) != nil {
		c.giveUp()
		c.end(client)
		return
	}
	c.abandon(given)
	c.mu.Lock()
	for topic, ids := range given {
		for _, id := range ids {
			if c.closed || c.parts[topicPartition{topic, id}] != nil {
				continue
			}
			p := newPartition(topic, id, c.flow)
			p.client = client
			c.parts[p.key()] = p
			c.work.Go(p.run)
		}
	}
	c.mu.Unlock()
	c.rebalanced("assigned", given)
}

// revoked gives partitions up in good order: they settle what they can in a bounded moment and commit. The
// instance that gets them next starts behind what was settled.
func (c *Consumer) revoked(_ context.Context, client *kgo.Client, taken map[string][]int32) {
	if client != c.using() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.RevokeDrain.Std())
	defer cancel()
	c.release(ctx, c.pick(taken))
	c.rebalanced("revoked", taken)
}

// lost drops partitions that are another member's already: nothing is committed (P1), and handlers are told to end.
func (c *Consumer) lost(_ context.Context, client *kgo.Client, gone map[string][]int32) {
	if client != c.using() {
		return
	}
	c.abandon(gone)
	c.member.Lost()
	c.rebalanced("lost", gone)
}

// using is the client of the membership at hand. One before it may have callbacks left; they are of no more interest.
func (c *Consumer) using() *kgo.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.client
}

// end has the membership of that client end, for good: the group does not know it any more, and what it had may have been another
// instance's meanwhile.
func (c *Consumer) end(client *kgo.Client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client == client {
		c.putOut()
	}
}

// giveUp drops all partitions without a commit. The caller does not hold the semaphore of commits.
func (c *Consumer) giveUp() {
	gone := map[string][]int32{}
	for _, p := range c.all() {
		gone[p.topic] = append(gone[p.topic], p.id)
	}
	c.abandon(gone)
	c.rebalanced("lost", gone)
}

// abandon drops partitions without a commit.
func (c *Consumer) abandon(parts map[string][]int32) {
	c.committing.take()
	defer c.committing.end()
	c.drop(c.pick(parts))
}

// release drains the partitions until ctx ends, commits, and fences them: once it returns nothing of them is committed
// any more, whatever their handlers still do. The commit may take what draining left of ctx, and LastCommit at least:
// Kafka refuses it while another member gives partitions up, and a coordinator may be slow.
func (c *Consumer) release(ctx context.Context, parts []*partition) {
	for _, p := range parts {
		p.stop()
	}
	for _, p := range parts {
		select {
		case <-p.drained:
		case <-ctx.Done():
		}
	}
	c.committing.take()
	defer c.committing.end()
	last, cancel := context.WithTimeout(context.Background(), max(remaining(ctx), LastCommit))
	defer cancel()
	for c.commit(last, parts) && pipeline.Wait(last, commitPause) == nil {
	}
	c.drop(parts)
}

func remaining(ctx context.Context) time.Duration {
	deadline, _ := ctx.Deadline() // the zero time is long gone
	return time.Until(deadline)
}

// drop forgets partitions and ends the handling of their chunks.
func (c *Consumer) drop(parts []*partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		delete(c.parts, p.key())
		p.stop()
		p.cancel()
		c.opts.Status.Clear(c.opts.Sync, p.batchSource())
		c.opts.Metrics.forget(p)
	}
}

func (c *Consumer) pick(of map[string][]int32) []*partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	var parts []*partition
	for topic, ids := range of {
		for _, id := range ids {
			if p := c.parts[topicPartition{topic, id}]; p != nil {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

func (c *Consumer) all() []*partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.parts))
}

func (c *Consumer) rebalanced(kind string, partitions map[string][]int32) {
	if len(partitions) == 0 {
		return
	}
	c.opts.Metrics.rebalances.WithLabelValues(kind).Inc()
	counts := map[string]int{}
	for topic := range partitions {
		counts[topic] = 0
	}
	all := c.all()
	for _, p := range all {
		counts[p.topic]++
	}
	if c.opts.Assigned != nil {
		c.opts.Assigned(len(all))
	}
	for topic, n := range counts {
		c.opts.Metrics.assigned.WithLabelValues(topic).Set(float64(n))
		c.opts.Log.Info("partitions "+kind, "topic", topic, "partitions", partitions[topic], "reads_now", n)
	}
}

// ended follows the end of the membership: in good order once Run's context has ended.
func (c *Consumer) ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return c.shutdown()
	}
	c.giveUp()
	c.leave()
	c.member.Lost()
	return ErrPutOut
}

// shutdown follows the data: no more intake, chunks settle, commit, leave the group. Drain bounds chunks and commit
// together; AfterDrain bounds what Kafka and handlers that missed it may take on top. The group hears heartbeats until
// the end.
func (c *Consumer) shutdown() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	parts, troubles := c.all(), c.opts.Status.Troubles(c.opts.Sync)
	ctx, cancel := context.WithTimeout(context.Background(), c.opts.Drain)
	c.release(ctx, parts)
	cancel()
	c.awaitHandlers()
	c.leave()
	c.logHeld(parts, troubles)
	return c.missed(parts)
}

// logHeld says what the rows wait for that no drain could settle.
func (c *Consumer) logHeld(parts []*partition, troubles []pipeline.TroubleSince) {
	rows := 0
	for _, p := range parts {
		rows += p.waitingRows()
	}
	if rows == 0 {
		return
	}
	waits := "trouble that has passed"
	if len(troubles) > 0 {
		waits = troubles[0].Error()
	}
	c.opts.Log.Warn("stopped while held up: rows that wait are read again by the next start", "rows", rows, "waits_for", waits)
}

// missed is what the drain could not finish, nil when that is nothing.
func (c *Consumer) missed(parts []*partition) error {
	m := &DrainMissed{Sync: c.opts.Sync}
	for _, p := range parts {
		m.Rows += p.unsettled()
		if rows, from := p.uncommitted(); rows > 0 {
			m.Uncommitted += rows
			m.Places = append(m.Places, fmt.Sprintf("%s/%d/%d", p.topic, p.id, from))
		}
	}
	if m.Rows+m.Uncommitted == 0 {
		return nil
	}
	slices.Sort(m.Places)
	return m
}

// awaitHandlers gives handlers whose context has ended a moment to come back. One that does not is left behind.
func (c *Consumer) awaitHandlers() {
	back := make(chan struct{})
	go func() { c.work.Wait(); close(back) }()
	select {
	case <-back:
	case <-time.After(endGrace):
	}
}

// leave tells the group and closes the client, in a bounded moment: with Kafka away nothing can be told.
func (c *Consumer) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
	defer cancel()
	_ = c.client.LeaveGroupContext(ctx)
	c.quit()
	c.client.CloseAllowingRebalance()
}

const (
	// LastCommit is what the commit of partitions that are given up gets at least, though draining took all the time.
	LastCommit = 5 * time.Second
	// AfterDrain is the most that Run takes once its drain has passed: the last commit, handlers that come back, leaving.
	AfterDrain = LastCommit + endGrace + leaveTimeout

	endGrace      = 2 * time.Second
	leaveTimeout  = 3 * time.Second
	commitTimeout = 5 * time.Second // of a commit that another one follows
	commitPause   = 200 * time.Millisecond
)
