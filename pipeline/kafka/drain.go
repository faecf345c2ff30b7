package kafka

// drain waits for the chunks in flight, oldest first, until all have settled, wait for what no drain brings, or the partition is
// fenced. What has not settled in order by then cannot be committed and will be read again.
func (p *partition) drain() {
	for passed := 0; passed < len(p.inFlight) && p.ctx.Err() == nil; {
		f := &p.inFlight[passed]
		select {
		case <-f.ticket.Acked:
			if passed > 0 {
				passed++ // one before it is held
			} else {
				p.settle()
			}
		case <-f.ticket.Nacked:
			if f.chunk.IsHeld() {
				passed++
			} else {
				p.again(f, p.ctx.Done())
			}
		case <-p.ctx.Done():
		}
	}
}

// straggle waits for the handlers that are still at work after the fence. Their rows will be read again, by the instance that
// reads the partition next; those that have settled are repeated, and counted.
func (p *partition) straggle() {
	for _, f := range p.inFlight {
		if f.ticket.Acked == nil {
			p.forget(f)
			continue
		}
		select {
		case <-f.ticket.Acked:
		case <-f.ticket.Nacked:
		}
		p.forget(f)
	}
	p.dropPending()
}

func (p *partition) forget(f chunkInFlight) {
	left := f.chunk.Abandon()
	p.count(left - len(f.chunk.Records))
	if f.chunk.IsHeld() {
		p.wait(left)
	}
	p.flow.metrics.rows.Read(-left)
	p.flow.metrics.repeated.Add(float64(len(f.chunk.Records) - left))
	p.flow.free(f.weight)
}

func (p *partition) dropPending() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.pending {
		p.flow.free(weigh(r))
	}
	p.pending = nil
}

// wait counts rows that wait as such: no drain could settle them.
func (p *partition) wait(rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handed -= rows
	p.waiting += rows
}

// waitingRows is how many rows waited when the partition was given up.
func (p *partition) waitingRows() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}
