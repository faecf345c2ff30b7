package owners

import (
	"context"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// audienceQueue is the digests of one audience about which TikTok is to be told.
type audienceQueue struct {
	works   []*work
	began   time.Time // when the first of them came
	tells   int       // under way
	cancels []telling
}

// telling is a Tell under way.
type telling struct {
	sync   Tag
	parts  []*claimsPart
	cancel context.CancelFunc
}

// enqueue has TikTok told of a work, unless it is already to be. The caller holds mu.
func (c *Claims) enqueue(w *work) {
	switch {
	case w.calling, w.queued && !w.aside, w.aside && c.isHeld(w.cause.sync):
		return
	case w.aside:
		c.takeBack(w)
	}
	_, audience, _ := Parts(w.digest)
	q := c.audience[string(audience)]
	if q == nil {
		q = &audienceQueue{}
		c.audience[string(audience)] = q
	}
	if len(q.works) == 0 {
		q.began = time.Now()
	}
	w.queued = true
	q.works = append(q.works, w)
}

// Run tells TikTok and commits until ctx ends; then it waits for calls under way. What is owned stays so until Revoked or Lost.
func (c *Claims) Run(ctx context.Context) {
	c.tells.Go(func() { c.committing(ctx) })
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-tick.C:
		}
		c.lookAtHeld()
		c.begin(ctx)
	}
	c.tells.Wait()
}

// tellEvery is how often digests are looked for that have waited long enough.
const tellEvery = 20 * time.Millisecond

// begin begins what may be told now.
func (c *Claims) begin(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, q := range c.audience {
		for ctx.Err() == nil && q.tells < c.o.AtOnce && c.isDue(q) {
			list := c.next(q)
			if len(list) == 0 {
				break
			}
			c.tell(ctx, q, list)
		}
		if len(q.works) == 0 && q.tells == 0 {
			delete(c.audience, name)
		}
	}
}

// isDue reports whether enough digests wait, or for long enough, and whether calls may begin.
func (c *Claims) isDue(q *audienceQueue) bool {
	now := time.Now()
	return len(q.works) > 0 && c.mayCall(now) && (len(q.works) >= c.o.Most || now.Sub(q.began) >= c.o.Linger)
}

// next takes the sayings of one Tell out of a queue.
func (c *Claims) next(q *audienceQueue) (list []Saying) {
	now := time.Now().UnixNano()
	var keep []*work
	list = make([]Saying, 0, min(c.o.Most, len(q.works)))
	i := 0
	for ; i < len(q.works) && len(list) < c.o.Most; i++ {
		w := q.works[i]
		switch p := w.part; {
		case p.gone || p.closing:
			w.queued = false
		case c.isHeld(w.cause.sync):
			c.putAside(w)
		case !p.opened || now < w.notBefore || len(list) > 0 && list[0].Sync != w.cause.sync:
			keep = append(keep, w)
		default:
			if w.queued = false; p.isDue(w) {
				p.begins(w)
				list = append(list, w.say())
			} else {
				c.works--
			}
		}
	}
	q.works = append(keep, q.works[i:]...)
	return list
}

func (w *work) say() Saying {
	kind, audience, hash := Parts(w.digest)
	s := &w.cause.source
	return Saying{Kind: kind, Audience: audience, Digest: hash, Remove: !w.saying, Version: uint64(w.version), Sync: w.cause.sync, Time: s.Time, work: w,
		Source: pipeline.Position{Topic: *w.cause.topic, Partition: s.Partition, Offset: s.Offset}}
}

// tell begins a Tell. The caller holds mu.
func (c *Claims) tell(ctx context.Context, q *audienceQueue, list []Saying) {
	ctx, cancel := context.WithCancel(ctx)
	t := telling{sync: list[0].Sync, cancel: cancel}
	for i := range list {
		if p := list[i].work.part; !slices.Contains(t.parts, p) {
			t.parts = append(t.parts, p)
		}
	}
	q.tells++
	q.cancels = append(q.cancels, t)
	c.tells.Go(func() {
		defer cancel()
		c.o.Tell(ctx, list)
		c.told(q, &t, list)
	})
}

// told takes over how a Tell ended.
func (c *Claims) told(q *audienceQueue, t *telling, list []Saying) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q.tells--
	q.cancels = slices.DeleteFunc(q.cancels, func(o telling) bool { return &o.parts[0] == &t.parts[0] })
	retry := time.Now().Add(retryAfter).UnixNano()
	for i := range list {
		w := list[i].work
		p := w.part
		if p.gone { // another instance owns it by now, and our call may have come after theirs
			c.again(p.id, &answer{w.digest, w.cause})
			continue
		}
		if list[i].Outcome == Unanswered {
			w.notBefore = retry
		}
		if p.ended(w, list[i].Outcome != Unanswered) {
			c.enqueue(w)
		} else {
			c.works--
		}
	}
	c.poke()
}

// retryAfter is the pause before TikTok is told again of what it gave no answer to: who tells has tried for long.
const retryAfter = 500 * time.Millisecond
