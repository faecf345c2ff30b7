package kafka

// drain waits for the chunks in flight, oldest first, until all have settled or the partition is fenced. What has not
// settled in order by then cannot be committed and will be read again.
func (p *partition) drain() {
	for len(p.inFlight) > 0 {
		head := p.inFlight[0]
		select {
		case <-head.ticket.Acked:
			p.settle()
		case <-head.ticket.Nacked:
			p.again(p.ctx.Done())
		case <-p.ctx.Done():
		}
		if p.ctx.Err() != nil {
			return
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
