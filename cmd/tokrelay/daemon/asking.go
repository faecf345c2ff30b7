package daemon

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// AskUpload leaves a request for an upload of a file audience, for whichever instance serves it.
func (d *Daemon) AskUpload(ctx context.Context, sync, by string) error {
	s, err := d.Wiring.Config.Sync(sync)
	if err != nil {
		return err
	}
	err = audiencefile.Ask(ctx, d.Wiring.State, s.advertiser, s.AudienceFile.Audience, audiencefile.Request{At: time.Now(), Why: "request"})
	if err == nil {
		d.Wiring.Note(ctx, Action{What: "upload", Sync: sync, By: by, Result: "asked for; the page of file uploads has what came of it"})
	}
	return err
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
