package daemon

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// AskUpload leaves a request for an upload of a file audience, for whichever instance serves it.
func (d *Daemon) AskUpload(ctx context.Context, sync string) error {
	s, err := d.Wiring.Config.Sync(sync)
	if err != nil {
		return err
	}
	return audiencefile.Ask(ctx, d.Wiring.State, s.advertiser, s.AudienceFile.Audience, audiencefile.Request{At: time.Now(), Why: "request"})
}

// Waits are what the syncs wait for, as all instances reported it last, by sync; those that need an operator first.
func (w *Wiring) Waits() map[string][]Wait {
	all, running := map[string][]Wait{}, instances(w.State)
	for _, name := range w.syncNames() {
		g := GroupState{Sync: name}
		g.hear(running)
		all[name] = g.Waits
	}
	return all
}
