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
	return audience.Directory{API: client, Advertiser: c.AdvertiserID}.List(ctx)
}

// AudienceReport is what is known of a sync's audience: TikTok's side, and for a file audience its last runs.
type AudienceReport struct {
	Sync      string                  `json:"sync"`
	Kind      string                  `json:"kind"`
	New       bool                    `json:"new,omitempty"` // no instance has run yet: nothing is remembered
	TikTok    []audience.Details      `json:"tiktok,omitempty"`
	Members   *int                    `json:"members_remembered,omitempty"`
	Manifests []audiencefile.Manifest `json:"runs,omitempty"`
}

// Audience reads the report of one sync, without running it.
func (d *Daemon) Audience(ctx context.Context, name string) (*AudienceReport, error) {
	defer d.close()
	s, err := d.Config.Sync(name)
	if err != nil {
		return nil, err
	}
	report := &AudienceReport{Sync: name, Kind: s.Kind()}
	if !s.IsAudience() {
		return nil, fmt.Errorf("sync %s fills no audience", name)
	}
	if report.New, err = d.neverRan(ctx, s); err != nil || report.New {
		return report, err
	}
	if err := d.state.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("read the state topic: %w", err)
	}
	if parts := d.segments[name]; parts != nil {
		return report, report.streamed(ctx, parts)
	}
	report.Manifests, err = audiencefile.Manifests(ctx, d.state, s.advertiser, s.AudienceFile.Audience)
	if err == nil && len(report.Manifests) > 0 && report.Manifests[0].AudienceID != "" {
		connection, c := d.Config.ConnectionOf(s)
		directory := audience.Directory{API: d.connections[connection].client, Advertiser: c.AdvertiserID}
		report.TikTok, err = directory.Read(ctx, report.Manifests[0].AudienceID)
	}
	return report, err
}

// neverRan tells whether the topics that remember the sync's audience are still to be made.
func (d *Daemon) neverRan(ctx context.Context, s *Sync) (bool, error) {
	topics := []string{d.Config.StateTopic}
	if parts := d.segments[s.Name]; parts != nil && parts.members != nil {
		topics = append(topics, d.Config.MembersTopic(s))
	}
	there, err := d.admin.Topics(ctx, topics...)
	return len(there) < len(topics), err
}

func (r *AudienceReport) streamed(ctx context.Context, parts *segmentParts) error {
	if parts.members != nil {
		if err := parts.members.Restore(ctx); err != nil {
			return fmt.Errorf("read the members topic: %w", err)
		}
		n := parts.members.Len()
		r.Members = &n
	}
	reading := parts.readback.Read(ctx)
	r.TikTok = reading.Audiences
	return reading.Err
}

// Reading is what TikTok last told of a streamed audience; false for other syncs.
func (d *Daemon) Reading(sync string) (audience.Reading, bool) {
	parts := d.segments[sync]
	if parts == nil {
		return audience.Reading{}, false
	}
	return parts.readback.Last(), true
}
