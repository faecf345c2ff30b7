package daemon

import (
	"context"
	"fmt"

	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Advertisers are those whose audiences the sync fills.
func (s *Sync) Advertisers() []string {
	if s.AudienceSegment != nil && len(s.AudienceSegment.AdvertiserIDs) > 0 {
		return s.AudienceSegment.AdvertiserIDs
	}
	return []string{s.advertiser}
}

// Audiences lists the audiences of a connection's advertiser. It is for commands: the token is read now.
func Audiences(ctx context.Context, c tiktok.Config, stored string) ([]audience.Details, error) {
	client, err := tiktok.New(c, tiktok.TokenOf(c, stored))
	if err != nil {
		return nil, err
	}
	return audience.Directory{API: Unhurried{client}, Advertiser: c.AdvertiserID}.List(ctx)
}

// AudienceReport is what is known of a sync's audience: TikTok's side, and for a file audience its last runs.
type AudienceReport struct {
	Sync      string                  `json:"sync"`
	Kind      string                  `json:"kind"`
	New       bool                    `json:"new,omitempty"` // no instance has run yet: nothing is remembered
	TikTok    []audience.Details      `json:"tiktok,omitempty"`
	Fault     string                  `json:"fault,omitempty"`                  // why the sync's rows, or some of them, wait
	Members   *int                    `json:"members_remembered,omitempty"`     // people the audience holds something of
	Claims    *int                    `json:"identifiers_remembered,omitempty"` // of them
	Others    int                     `json:"others_remembered,omitempty"`      // people it holds nothing of, remembered for the sake of dead letters
	Manifests []audiencefile.Manifest `json:"runs,omitempty"`
}

// Audience reads the report of one sync, without running it.
func (d *Daemon) Audience(ctx context.Context, name string) (*AudienceReport, error) {
	w := d.Wiring
	defer w.Close()
	s, err := w.Config.Sync(name)
	if err != nil {
		return nil, err
	}
	report := &AudienceReport{Sync: name, Kind: s.Kind()}
	if !s.IsAudience() {
		return nil, fmt.Errorf("sync %s does not fill an audience", name)
	}
	if report.New, err = w.NeverRan(ctx); err != nil || report.New {
		return report, err
	}
	if err := w.State.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("read the state topic: %w", err)
	}
	if stream := d.audience(name); stream != nil {
		return report, report.streamed(ctx, stream)
	}
	report.Manifests, err = audiencefile.Manifests(ctx, w.State, s.advertiser, s.AudienceFile.Audience)
	if err == nil && len(report.Manifests) > 0 && report.Manifests[0].AudienceID != "" {
		connection, c := w.Config.ConnectionOf(s)
		directory := audience.Directory{API: w.connections[connection].client, Advertiser: c.AdvertiserID}
		report.TikTok, err = directory.Read(ctx, report.Manifests[0].AudienceID)
	}
	return report, err
}

// NeverRan reports whether the topic that remembers audiences is still to be made.
func (w *Wiring) NeverRan(ctx context.Context) (bool, error) {
	there, err := w.Admin.Topics(ctx, w.Config.StateTopic)
	return len(there) == 0, err
}

func (r *AudienceReport) streamed(ctx context.Context, s *Stream) error {
	remembered, err := s.wiring.Remembered(ctx, s.Sync)
	if err != nil {
		return err
	}
	if r.New = remembered == nil; r.New {
		return nil
	}
	members, digests, others := remembered.Count(s.Sync.Name)
	r.Members, r.Claims, r.Others = &members, &digests, others
	reading := s.Readback(ctx)
	if r.TikTok = reading.Audiences; reading.Fault != nil {
		r.Fault = reading.Fault.What
	}
	return reading.Err
}
