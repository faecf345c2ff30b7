package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/tiktok/audience"
)

func audienceCommand() *cobra.Command {
	c := &cobra.Command{Use: "audience", Short: "See what TikTok holds of the audiences, and upload a file audience now"}
	c.AddCommand(audienceList(), audienceShow(), audienceUpload())
	return c
}

func audienceList() *cobra.Command {
	var path string
	var asJSON bool
	c := &cobra.Command{
		Use: "list", Short: "List the advertisers' custom audiences at TikTok", Args: noArgs,
		Example: "  tokrelay audience list -c tokrelay.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			config, err := loadConfig(c, path)
			if err != nil {
				return err
			}
			var all []audience.Details
			for _, name := range slices.Sorted(maps.Keys(config.Connections)) {
				directory, err := daemon.Directory(config.Connections[name], storedToken(name))
				if err != nil {
					return fmt.Errorf("connection %s: %w", name, err)
				}
				list, err := directory.List(c.Context())
				if err != nil {
					return fmt.Errorf("connection %s: %w", name, err)
				}
				all = append(all, list...)
			}
			return printAudiences(c, all, asJSON)
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printAudiences(c *cobra.Command, list []audience.Details, asJSON bool) error {
	if asJSON {
		return printJSON(c, list)
	}
	t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ADVERTISER\tID\tNAME\tTYPE\tCOVERED\tSTATE\tEXPIRES")
	for i := range list {
		d := &list[i]
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", d.Advertiser, d.ID, d.Name, d.Kind, d.Covered, d.Status(time.Now(), time.Time{}), date(d.Expires.Time))
	}
	return t.Flush()
}

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}

func printJSON(c *cobra.Command, v any) error {
	out := json.NewEncoder(c.OutOrStdout())
	out.SetIndent("", "  ")
	return out.Encode(v)
}

func audienceShow() *cobra.Command {
	var path, sync string
	var asJSON bool
	c := &cobra.Command{
		Use: "show", Short: "Show a sync's audience: what TikTok holds, what is remembered, the last uploads", Args: noArgs,
		Example: "  tokrelay audience show -c tokrelay.yaml --sync newsletter",
		RunE: func(c *cobra.Command, _ []string) error {
			d, s, err := audienceDaemon(c, path, sync)
			if err != nil {
				return err
			}
			report, err := d.Audience(c.Context(), s.Name)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c, report)
			}
			return printReport(c, report)
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&sync, "sync", "", "sync that fills the audience; may be left out when there is one sync")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func printReport(c *cobra.Command, r *daemon.AudienceReport) error {
	out := c.OutOrStdout()
	fmt.Fprintf(out, "sync %s (%s)\n", r.Sync, r.Kind)
	if r.Members != nil {
		fmt.Fprintf(out, "%d members remembered\n", *r.Members)
	}
	if len(r.TikTok) == 0 {
		fmt.Fprintln(out, "TikTok holds no audience of it yet")
	} else if err := printAudiences(c, r.TikTok, false); err != nil {
		return err
	}
	for i := range r.Manifests {
		printManifest(c, &r.Manifests[i])
	}
	return nil
}

func printManifest(c *cobra.Command, m *audiencefile.Manifest) {
	fmt.Fprintf(c.OutOrStdout(), "%s  %s  %s\n", m.Began.UTC().Format(time.RFC3339), m.Result, m.Text)
	for _, f := range m.Files {
		fmt.Fprintf(c.OutOrStdout(), "    %v\n", f)
	}
}

// audienceDaemon puts the daemon together without running it.
func audienceDaemon(c *cobra.Command, path, sync string) (*daemon.Daemon, *daemon.Sync, error) {
	config, err := loadConfig(c, path)
	if err != nil {
		return nil, nil, err
	}
	s, err := pickSync(config, sync)
	if err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	d, err := daemon.New(config, daemon.Options{Log: log, Version: version, Stored: storedToken})
	return d, s, err
}

func audienceUpload() *cobra.Command {
	var path, sync string
	o := audiencefile.Options{Why: "request"}
	c := &cobra.Command{
		Use: "upload", Short: "Build a file audience from its topic and upload it now", Args: noArgs,
		Long: `Read the sync's topic to the offsets it has now, build the audience and replace it at TikTok. The same brakes hold as on
schedule: fewer than 1000 members, a set that shrank too much, a second upload within TikTok's day. --force goes on where
the audience shrank, is unchanged, or most rows are rejected.`,
		Example: "  tokrelay audience upload -c tokrelay.yaml --sync lapsed",
		RunE: func(c *cobra.Command, _ []string) error {
			d, s, err := audienceDaemon(c, path, sync)
			if err != nil {
				return err
			}
			m, err := d.UploadNow(c.Context(), s.Name, o)
			if m != nil {
				printManifest(c, m)
			}
			if err == nil && !m.Result.Done() {
				return errors.Join(errReported, fmt.Errorf("not uploaded: %s", m.Result))
			}
			return err
		},
	}
	configFlag(c, &path)
	c.Flags().StringVar(&sync, "sync", "", "sync to upload; may be left out when there is one sync")
	c.Flags().BoolVar(&o.Force, "force", false, "upload although the audience shrank, is unchanged, or most rows are rejected")
	c.Flags().BoolVar(&o.Rebuild, "rebuild", false, "read the whole topic, whatever is kept from the last run")
	return c
}
