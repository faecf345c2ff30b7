package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

func audienceCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "audience",
		Short: "See what TikTok holds of the audiences, compare them with their topics, upload, rename, share or delete one",
		Example: `  tokrelay audience list                    # every custom audience of the advertisers
  tokrelay audience show --sync newsletter
  tokrelay audience upload --sync lapsed
  tokrelay audience verify --sync newsletter
  tokrelay audience delete --id 7100000000000000001`,
	}, audienceListCommand(), audienceShowCommand(), audienceUploadCommand(), audienceVerifyCommand(), audienceRenameCommand(), audienceShareCommand(), audienceDeleteCommand())
}

// audienceFlags are what the audience commands are asked for.
type audienceFlags struct {
	config, sync string
	json         bool
}

func (f *audienceFlags) add(c *cobra.Command) {
	configFlag(c, &f.config)
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
}

func audienceListCommand() *cobra.Command {
	var f audienceFlags
	c := &cobra.Command{
		Use: "list", Short: "List the advertisers' custom audiences at TikTok", Args: noArgs,
		Long: `List every custom audience of the configuration's advertisers, no matter who made it. STATE is what TikTok's answer comes to:
ready, processing (TikTok says the same of audiences below 1000 people), failed or expired.`,
		Example: "  tokrelay audience list\n  tokrelay audience list --json | jq '.[] | select(.state != \"ready\").name'",
		RunE:    func(c *cobra.Command, _ []string) error { return audienceList(c, &f) },
	}
	f.add(c)
	return c
}

func audienceList(c *cobra.Command, f *audienceFlags) error {
	config, err := loadConfig(c, f.config)
	if err != nil {
		return err
	}
	s, all := newScreen(c), []audience.Details{}
	asked := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(config.Connections)) {
		connection := config.Connections[name]
		if connection.AdvertiserID == "" {
			s.note("connection %s has no advertiser_id: its audiences are not listed\n", name)
			continue
		}
		if asked[connection.AdvertiserID] {
			continue // another connection of the same advertiser
		}
		asked[connection.AdvertiserID] = true
		list, err := daemon.Audiences(c.Context(), connection, storedToken(name))
		if err != nil {
			return fmt.Errorf("connection %s: %w\n`%s` reports whether it is the network, the token or what it may do", name, err, toCopy(f.config, "check --online"))
		}
		all = append(all, list...)
	}
	if f.json {
		return s.json(withStates(all))
	}
	if len(all) == 0 {
		s.print("TikTok holds no custom audience of %s.\n", orNobody(slices.Sorted(maps.Keys(asked))))
		return nil
	}
	s.audiences(all, time.Time{})
	return nil
}

// listedAudience is an audience as --json lists it: what TikTok tells, and what it comes to.
type listedAudience struct {
	Advertiser string          `json:"advertiser_id"`
	State      audience.Status `json:"state"`
	audience.Details
}

func withStates(all []audience.Details) []listedAudience {
	list := make([]listedAudience, len(all))
	for i := range all {
		list[i] = listedAudience{all[i].Advertiser, all[i].Status(time.Now(), time.Time{}), all[i]}
	}
	return list
}

func orNobody(advertisers []string) string {
	if len(advertisers) == 0 {
		return "any advertiser of the configuration"
	}
	return "advertiser " + strings.Join(advertisers, ", ")
}

var statusColours = map[audience.Status]string{audience.Ready: green, audience.Processing: yellow, audience.Failed: red, audience.Expired: red}

// audiences prints what TikTok tells. changed is when they were last changed, if that is known.
func (s *screen) audiences(list []audience.Details, changed time.Time) {
	rows := [][]string{}
	for i := range list {
		d := &list[i]
		rows = append(rows, []string{d.Advertiser, d.ID, d.Name, d.Kind, string(d.Status(time.Now(), changed)), date(d.Expires.Time), thousands(d.Covered)})
	}
	s.table([]string{"ADVERTISER", "ID", "NAME", "TYPE", "STATE", "EXPIRES", "COVERED"}, rows)
	for i := range list {
		d := &list[i]
		if status := d.Status(time.Now(), changed); status != audience.Ready {
			s.note("%s\n", s.paint(statusColours[status], d.Name+" is "+string(status)+": "+statusWords(d, status)))
		}
	}
}

// statusWords say what a state means for someone who waits for the audience.
func statusWords(d *audience.Details, status audience.Status) string {
	switch {
	case status == audience.Expired:
		return "it can only be deleted: `tokrelay audience delete --id " + d.ID + "`"
	case status == audience.Failed && d.Error != nil && *d.Error != "":
		return fmt.Sprintf("TikTok says %q", *d.Error)
	case status == audience.Failed:
		return "TikTok has not made it usable within two days: fewer than 1000 of its people are on TikTok, or it is stuck"
	}
	return "TikTok takes up to two days, and uses none below 1000 people"
}

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateOnly)
}

func audienceShowCommand() *cobra.Command {
	var f audienceFlags
	c := &cobra.Command{
		Use: "show", Short: "Show the audiences of syncs: what TikTok holds, what is remembered, the last uploads", Args: noArgs,
		Example: "  tokrelay audience show\n  tokrelay audience show --sync newsletter\n  tokrelay audience show --sync lapsed --json | jq '.runs[0].result'",
		RunE:    func(c *cobra.Command, _ []string) error { return audienceShow(c, &f) },
	}
	f.add(c)
	c.Flags().StringVar(&f.sync, "sync", "", "the audience of this sync; without it those of all, with --json one object after the other")
	return c
}

func audienceShow(c *cobra.Command, f *audienceFlags) error {
	d, err := openDesk(c, f.config, "audience")
	if err != nil {
		return err
	}
	defer d.close()
	kinds, names := []string{daemon.KindSegment, daemon.KindFile}, []string{f.sync}
	if all := syncNames(d.config, (*daemon.Sync).IsAudience); f.sync == "" && len(all) > 0 {
		names = all
	}
	for i, name := range names {
		s, err := pickAudience(d.config, name, kinds)
		if err != nil {
			return usageError{err}
		}
		report, err := d.audience(c.Context(), s)
		if err != nil {
			return err
		}
		if f.json {
			if err := d.screen.json(report); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			d.screen.print("\n")
		}
		d.report(report)
	}
	return nil
}

// audienceDesk opens the desk and finds the sync: the named one, or the only one of these kinds.
func audienceDesk(c *cobra.Command, f *audienceFlags, kinds ...string) (*desk, *daemon.Sync, error) {
	config, err := loadConfig(c, f.config)
	if err != nil {
		return nil, nil, err
	}
	s, err := pickAudience(config, f.sync, kinds)
	if err != nil {
		return nil, nil, usageError{err}
	}
	d, err := openDesk(c, f.config, "audience")
	return d, s, err
}

func pickAudience(config *daemon.Config, name string, kinds []string) (*daemon.Sync, error) {
	suit := syncNames(config, func(s *daemon.Sync) bool { return slices.Contains(kinds, s.Kind()) })
	what := "audience_segment or audience_file"
	if len(kinds) == 1 {
		what = "audience_file"
	}
	switch {
	case len(suit) == 0:
		return nil, fmt.Errorf("no sync of the configuration is an %s", what)
	case name == "" && len(suit) > 1:
		return nil, fmt.Errorf("--sync: say which: there are %s", strings.Join(suit, ", "))
	case name == "":
		name = suit[0]
	}
	s, err := config.Sync(name)
	if err == nil && !slices.Contains(kinds, s.Kind()) {
		err = fmt.Errorf("sync %s is not an %s; there is %s", name, what, strings.Join(suit, ", "))
	}
	return s, err
}

// audience asks for the report. The parts of a daemon that does not run know how.
func (d *desk) audience(ctx context.Context, s *daemon.Sync) (*daemon.AudienceReport, error) {
	parts, err := daemon.New(d.config, quiet())
	if err != nil {
		return nil, err
	}
	return parts.Audience(ctx, s.Name)
}

var kindWords = map[string]string{daemon.KindSegment: "streamed, row by row", daemon.KindFile: "uploaded whole"}

// report prints what is known of an audience.
func (d *desk) report(r *daemon.AudienceReport) {
	d.screen.print("%s\n", d.screen.paint(bold, r.Sync+": "+kindWords[r.Kind]))
	switch {
	case r.New:
		d.screen.print("Nothing is remembered of it: the sync has not run yet.\n")
		return
	case len(r.TikTok) == 0 && r.Fault == "":
		d.screen.print("TikTok holds no audience of it yet.\n")
	default:
		d.screen.audiences(r.TikTok, lastUpload(r))
	}
	if r.Fault != "" {
		d.screen.print("%s\n", d.screen.paint(red, r.Fault))
	}
	if r.Members != nil {
		d.screen.print("\n%s remembered\n", units(int64(*r.Members), int64(*r.Claims)))
		if r.Others > 0 {
			d.screen.print("%s more row(s) are remembered that are not members, for their dead letters\n", thousands(int64(r.Others)))
		}
	}
	for i := range r.Manifests {
		if i == 0 {
			d.screen.print("\nThe last runs:\n")
		}
		d.manifest(&r.Manifests[i])
	}
}

// units are people and what they are matched by: "1,812 people, 3,588 identifiers".
func units(people, identifiers int64) string {
	return thousands(people) + " people, " + thousands(identifiers) + " identifiers"
}

func lastUpload(r *daemon.AudienceReport) time.Time {
	for i := range r.Manifests {
		if r.Manifests[i].Result == audiencefile.Uploaded {
			return r.Manifests[i].Ended
		}
	}
	return time.Time{}
}
