package owners

// Digests about which TikTok is to be told because of rows of a sync that is held, by an operator for example, are put aside. So
// they hold up neither the other syncs of their audience nor what is read.

func (c *Claims) isHeld(sync Tag) bool { return c.o.Held != nil && c.o.Held(sync) }

// putAside has a work wait until its sync is held no more. The caller holds mu.
func (c *Claims) putAside(w *work) {
	w.aside = true
	c.asides++
	c.aside[w.cause.sync] = append(c.aside[w.cause.sync], w)
}

// takeBack has a work wait for nothing more. The caller holds mu.
func (c *Claims) takeBack(w *work) {
	w.aside, w.queued = false, false
	c.asides--
}

// lookAtHeld ends the Tells of syncs that are held by now, and takes back what waited for those that are not any more.
func (c *Claims) lookAtHeld() {
	if c.o.Held == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.audience {
		for i := range q.cancels {
			if c.isHeld(q.cancels[i].sync) {
				q.cancels[i].cancel()
			}
		}
	}
	for sync, works := range c.aside {
		if c.isHeld(sync) {
			continue
		}
		delete(c.aside, sync)
		for _, w := range works {
			if w.aside { // else it was taken back before
				c.takeBack(w)
				c.enqueue(w)
			}
		}
	}
}
