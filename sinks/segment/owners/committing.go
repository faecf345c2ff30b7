package owners

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// renewEvery is how often a commit is sent though nothing has moved: it is what the lease lives on.
const renewEvery = time.Second

func (c *Claims) committing(ctx context.Context) {
	for pipeline.Wait(ctx, c.o.Every) == nil {
		c.commit(ctx)
	}
}

// commit commits how far the owned partitions are settled.
func (c *Claims) commit(ctx context.Context) {
	c.commits.take()
	defer c.commits.end()
	sent := time.Now()
	offsets, answers := c.toCommit(sent)
	if len(offsets) == 0 {
		return
	}
	ok := c.o.Commit(ctx, offsets)
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, good := range ok {
		if p := c.parts[id]; p != nil && good {
			c.committed(p, offsets[id], answers[id], sent)
		}
	}
}

// toCommit is what there is to commit, and the number of answers that were there by then.
func (c *Claims) toCommit(now time.Time) (offsets map[int32]int64, answers map[int32]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	offsets, answers = map[int32]int64{}, map[int32]int{}
	renew := now.Sub(c.lease) >= renewEvery
	for id, p := range c.parts {
		if p.closing {
			continue
		}
		if low := p.low(); renew || !p.opened || low != p.committed || len(p.answered) > 0 {
			offsets[id], answers[id] = low, len(p.answered)
		}
	}
	return offsets, answers
}

// committed counts the calls whose answers came before the commit was sent, and clears what it is behind. The caller holds mu.
func (c *Claims) committed(p *claimsPart, offset int64, answers int, sent time.Time) {
	c.lease, p.committed = sent, offset
	if !p.opened {
		p.opened = true
		c.poke()
	}
	p.answered = p.answered[answers:]
	c.clear(p)
}

// clear writes the tombstones of absences that are settled and committed: only the owner does.
func (c *Claims) clear(p *claimsPart) {
	i := 0
	for ; i < len(p.cleared) && p.cleared[i].offset < p.committed; i++ {
		c.o.Write(c.o.Topics.Claims, p.id, p.cleared[i].key, nil)
	}
	p.cleared = p.cleared[i:]
}

// Revoked gives partitions up in good order: no call is begun any more, those under way end, and what is settled is committed.
// ctx bounds it. Partitions that are not owned are passed over.
func (c *Claims) Revoked(ctx context.Context, partitions []int32) {
	c.commits.take()
	defer c.commits.end()
	parts := c.close(partitions)
	for c.calls(parts) > 0 && pipeline.Wait(ctx, tellEvery) == nil {
	}
	offsets := map[int32]int64{}
	c.mu.Lock()
	for _, p := range parts {
		offsets[p.id] = p.low()
	}
	c.mu.Unlock()
	var ok map[int32]bool
	if len(offsets) > 0 {
		ok = c.o.Commit(ctx, offsets)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		if ok[p.id] {
			p.answered = nil // and what can be cleared the next owner clears: nothing is left behind the commit
		}
		c.drop(p)
	}
}

// close keeps partitions from beginning calls.
func (c *Claims) close(partitions []int32) (parts []*claimsPart) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range partitions {
		if p := c.parts[id]; p != nil {
			p.closing = true
			parts = append(parts, p)
			c.cancel(p)
		}
	}
	return parts
}

// cancel ends the Tells that digests of a partition are in.
func (c *Claims) cancel(p *claimsPart) {
	for _, q := range c.audience {
		for i := range q.cancels {
			for _, of := range q.cancels[i].parts {
				if of == p {
					q.cancels[i].cancel()
				}
			}
		}
	}
}

func (c *Claims) calls(parts []*claimsPart) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		n += p.calls
	}
	return n
}

// Lost gives partitions up at once: they are another instance's already.
func (c *Claims) Lost(partitions []int32) {
	c.commits.take()
	defer c.commits.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range partitions {
		if p := c.parts[id]; p != nil {
			c.cancel(p)
			c.drop(p)
		}
	}
}

// drop forgets a partition, and has its new owner tell TikTok again what no commit has counted. The caller holds mu.
func (c *Claims) drop(p *claimsPart) {
	p.gone = true
	delete(c.parts, p.id)
	c.works -= len(p.works)
	for _, w := range p.works {
		if w.aside {
			c.takeBack(w)
		}
	}
	for i := range p.answered {
		c.again(p.id, &p.answered[i])
	}
	p.answered = nil
}
