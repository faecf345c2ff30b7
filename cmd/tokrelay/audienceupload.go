package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
)

// uploadFlags are what audience upload is asked for.
type uploadFlags struct {
	audience            audienceFlags
	force, rebuild, yes bool
}

func audienceUploadCommand() *cobra.Command {
	var f uploadFlags
	c := &cobra.Command{
		Use: "upload", Short: "Build a file audience from its topic and upload it now", Args: noArgs,
		Long: `Read the sync's topic to the offsets it has now, build the audience and replace it at TikTok. The same brakes hold as on
schedule: fewer than 1000 members, a set that shrank too much, a second upload within TikTok's day. --force goes on where
the audience shrank, is unchanged, or most rows are rejected; it asks.

The exit code is 0 when TikTok holds the audience, also where it held this very set before.`,
		Example: `  tokrelay audience upload --sync lapsed
  tokrelay audience upload --sync lapsed --force --yes`,
		RunE: func(c *cobra.Command, _ []string) error { return audienceUpload(c, &f) },
	}
	f.audience.add(c)
	c.Flags().StringVar(&f.audience.sync, "sync", "", "sync to upload; may be left out when there is one file audience")
	c.Flags().BoolVar(&f.force, "force", false, "upload although the audience shrank, is unchanged, or most rows are rejected")
	c.Flags().BoolVar(&f.rebuild, "rebuild", false, "read the whole topic, whatever is kept from the last run")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "with --force: do not ask")
	return c
}

func audienceUpload(c *cobra.Command, f *uploadFlags) error {
	d, s, err := audienceDesk(c, &f.audience, daemon.KindFile)
	if err != nil {
		return err
	}
	defer d.close()
	if f.force {
		if err := d.screen.confirm(fmt.Sprintf("Replace the audience of %s although a brake may hold it?", s.Name), f.yes); err != nil {
			return err
		}
	}
	m, err := d.upload(c.Context(), s, audiencefile.Options{Why: "request", Force: f.force, Rebuild: f.rebuild})
	if m != nil && f.audience.json {
		err = errors.Join(err, d.screen.json(m))
	} else if m != nil && m.Result != "" {
		d.manifest(m)
	}
	return uploaded(m, err)
}

// uploaded is what the command comes to.
func uploaded(m *audiencefile.Manifest, err error) error {
	switch {
	case errors.Is(err, audiencefile.ErrBusy):
		return fmt.Errorf("%w: wait for it, or look with tokrelay audience show", err)
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted: the audience at TikTok is as it was, or as the last call left it; the next run finds out")
	case err != nil || m == nil || m.Result == audiencefile.Uploaded || m.Result == audiencefile.Unchanged:
		return err
	}
	return fmt.Errorf("not uploaded (%s): %s", m.Result, uploadCure(m.Result))
}

// uploadCure says how to go on after a run that did not upload.
func uploadCure(r audiencefile.Result) string {
	switch r {
	case audiencefile.TooSmall:
		return "see which rows are members with tokrelay preview --from-topic, and which were rejected with tokrelay dlq list"
	case audiencefile.Shrunk:
		return "see whether the source lost rows; where it is meant, --force uploads it"
	case audiencefile.TooSoon:
		return "TikTok takes one upload a day; run makes the next one as soon as it does"
	case audiencefile.PutOff:
		return "TikTok is still busy with the last upload; run tries again by itself"
	}
	return "correct the cause and upload again"
}

// upload runs the job, and draws how far it is.
func (d *desk) upload(ctx context.Context, s *daemon.Sync, o audiencefile.Options) (*audiencefile.Manifest, error) {
	parts, err := daemon.New(d.config, quiet())
	if err != nil {
		return nil, err
	}
	job, bar := parts.FileJob(s.Name), d.screen.progress("")
	defer bar.follow(func() { bar.upload(job.Progress()) })()
	var m *audiencefile.Manifest
	err = d.acted(ctx, daemon.Action{What: "upload", Sync: s.Name}, func() (string, error) {
		m, err = parts.UploadNow(ctx, s.Name, o)
		if m == nil {
			return "", err
		}
		return m.Text, err
	})
	return m, err
}

func (p *progress) upload(of audiencefile.Progress) {
	p.what = string(of.Phase)
	switch of.Phase {
	case audiencefile.PhaseReading:
		p.show(of.Rows, of.Total)
	case audiencefile.PhaseUploading:
		p.show(int64(of.Files), int64(of.AllFiles))
	default:
		p.show(0, 0)
	}
}

// manifest prints what happened in a run.
func (d *desk) manifest(m *audiencefile.Manifest) {
	colour := yellow
	if m.Result.Done() {
		colour = green
	}
	d.screen.print("%s  %s  %s\n", m.Began.UTC().Format("2006-01-02 15:04:05 UTC"), d.screen.paint(colour, string(m.Result)), m.Text)
	if m.People > 0 {
		d.screen.print("  %s\n", units(m.People, m.Identifiers))
	}
	if m.Result == audiencefile.Uploaded && m.Settled != "" {
		d.screen.print("  TikTok's processing: %s, %s covered\n", m.Settled, thousands(m.Covered))
	}
	if m.Remark != "" {
		d.screen.print("  TikTok says %q\n", m.Remark)
	}
	if !m.Again.IsZero() {
		d.screen.print("  run tries again at %s\n", m.Again.UTC().Format("2006-01-02 15:04 UTC"))
	}
	for _, reason := range byCount(m.Rejected) {
		d.screen.print("  %s row(s) rejected: %s\n", thousands(m.Rejected[reason]), reason)
	}
	for _, f := range m.Files {
		d.screen.print("  file %s: %s line(s), %s bytes\n", f.Name, thousands(f.Lines), thousands(f.Bytes))
	}
}
