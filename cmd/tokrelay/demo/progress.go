package demo

import (
	"fmt"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
)

// progress is the live line of a terminal; elsewhere it is silent.
type progress struct {
	o     Options
	total int
}

func (p *progress) show(d *daemon.Daemon, written int) {
	if !p.o.Terminal {
		return // counting costs more than a burst of rows
	}
	var delivered, rejected, skipped int64
	state := "running"
	for _, s := range d.Wiring.Config.Syncs {
		c, err := d.Wiring.Metrics.Counts(s.Name)
		if err != nil {
			return
		}
		delivered += c.Settled[pipeline.Delivered]
		rejected += c.Settled[pipeline.DeadLettered]
		skipped += c.Settled[pipeline.Skipped]
		for _, t := range d.Wiring.Status.Troubles(s.Name) {
			state = "waiting: " + string(t.Kind)
		}
	}
	fmt.Fprintf(p.o.Out, "\r\x1b[K  %6d of %d rows written  %6d delivered  %4d rejected  %5d skipped  %s", written, p.total, delivered, rejected, skipped, state)
}

func (p *progress) end() {
	if p.o.Terminal {
		fmt.Fprint(p.o.Out, "\r\x1b[K")
	}
}
