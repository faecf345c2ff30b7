package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// Owned is an audience at TikTok, and the syncs of the configuration that fill it, or will once they run.
type Owned struct {
	audience.Details
	Fillers []Filler
	api     audience.API
}

// Filler is a sync that fills an audience.
type Filler struct {
	Sync   *Sync
	ByName bool // nothing is remembered: once it runs it finds the audience by its name

	ids []string // of the audiences it is bound to
}

// Delete deletes the audience, which cannot be taken back.
func (o *Owned) Delete(ctx context.Context) error { return audience.Delete(ctx, o.api, &o.Details) }

// Rename gives the audience another name.
func (o *Owned) Rename(ctx context.Context, name string) error {
	return audience.Rename(ctx, o.api, &o.Details, name)
}

// Share lets other advertisers of the Business Center use the audience.
func (o *Owned) Share(ctx context.Context, with []string) error {
	return audience.Share(ctx, o.api, &o.Details, with)
}

// Gone asks TikTok whether the audience is gone.
func (o *Owned) Gone(ctx context.Context) (bool, error) {
	d, err := audience.Directory{API: o.api, Advertiser: o.Advertiser}.Look(ctx, o.ID)
	return d == nil, err
}

// Owned lists the audiences that the configuration's connections reach.
func (d *Daemon) Owned(ctx context.Context) (all []Owned, err error) {
	syncs, err := d.Wiring.fillers(ctx)
	if err != nil {
		return nil, err
	}
	for advertiser, api := range d.Wiring.accounts() {
		list, err := audience.Directory{API: api, Advertiser: advertiser}.List(ctx)
		if err != nil {
			return nil, fmt.Errorf("advertiser %s: %w", advertiser, err)
		}
		for i := range list {
			all = append(all, Owned{Details: list[i], Fillers: fillersOf(&list[i], syncs), api: api})
		}
	}
	return all, nil
}

// Unhurried makes calls again that TikTok throttles, for some seconds: commands may come one after the other.
type Unhurried struct{ audience.API }

func (u Unhurried) Get(ctx context.Context, endpoint string, query url.Values) pipeline.Answer {
	return unthrottled(ctx, func() pipeline.Answer { return u.API.Get(ctx, endpoint, query) })
}

func (u Unhurried) Post(ctx context.Context, endpoint string, body []byte) pipeline.Answer {
	return unthrottled(ctx, func() pipeline.Answer { return u.API.Post(ctx, endpoint, body) })
}

func unthrottled(ctx context.Context, call func() pipeline.Answer) pipeline.Answer {
	const tries = 4
	for try := 0; ; try++ {
		a := call()
		if a.Verdict != pipeline.Throttled || try == tries || (pipeline.Backoff{First: time.Second, Most: 4 * time.Second}).Wait(ctx, try) != nil {
			return a
		}
	}
}

// accounts are the clients of the advertisers whose audiences the configuration reaches.
func (w *Wiring) accounts() map[string]audience.API {
	all := map[string]audience.API{}
	for name, c := range w.Config.Connections {
		if c.AdvertiserID != "" {
			all[c.AdvertiserID] = Unhurried{w.connections[name].client}
		}
	}
	for i := range w.Config.Syncs {
		if s := &w.Config.Syncs[i]; s.IsAudience() {
			connection, _ := w.Config.ConnectionOf(s)
			for _, advertiser := range s.Advertisers() {
				all[advertiser] = Unhurried{w.connections[connection].client}
			}
		}
	}
	return all
}

// fillers are the audience syncs of the configuration with what the state topic remembers of them; where there is no such
// topic, nothing.
func (w *Wiring) fillers(ctx context.Context) (all []Filler, err error) {
	there, err := w.Admin.Topics(ctx, w.Config.StateTopic)
	if err == nil && len(there) > 0 {
		err = w.State.Refresh(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state topic: %w", err)
	}
	for i := range w.Config.Syncs {
		if s := &w.Config.Syncs[i]; s.IsAudience() {
			ids, of := audience.Filled(w.State, s.Name)
			if s.AudienceFile != nil {
				ids, of = audiencefile.Filled(w.State, s.advertiser, s.AudienceFile.Audience)
			}
			all, err = append(all, Filler{Sync: s, ids: ids}), errors.Join(err, of)
		}
	}
	return all, err
}

func fillersOf(d *audience.Details, syncs []Filler) (those []Filler) {
	for _, f := range syncs {
		if slices.Contains(f.Sync.Advertisers(), d.Advertiser) && f.fills(d) {
			those = append(those, f)
		}
	}
	return those
}

// fills reports whether the sync fills an audience of one of its advertisers: it remembers so, or will find it by its id or name.
func (f *Filler) fills(d *audience.Details) bool {
	name, id := f.Sync.AudienceNamed()
	if id != "" || len(f.ids) > 0 {
		return id == d.ID || slices.Contains(f.ids, d.ID)
	}
	if f.ByName = name != ""; f.Sync.Kind() == KindSegment {
		return f.ByName && d.IsPartner() && d.Name == audience.Shortened(name)
	}
	return f.ByName && d.IsFile() && d.Name == name
}

// AudienceNamed is how the configuration names the sync's audience; both are empty where rows do.
func (s *Sync) AudienceNamed() (name, id string) {
	if s.AudienceFile != nil {
		return s.AudienceFile.Audience.Name, s.AudienceFile.Audience.ID
	}
	return s.AudienceSegment.Audience.Name, s.AudienceSegment.Audience.ID
}
