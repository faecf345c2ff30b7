package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/verify"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// verifyFlags are what audience verify is asked for.
type verifyFlags struct {
	audience           audienceFlags
	repair, force, yes bool
}

func audienceVerifyCommand() *cobra.Command {
	var f verifyFlags
	c := &cobra.Command{
		Use: "verify", Short: "Compare a sync's audience with its topic, and put right what differs", Args: noArgs,
		Long: `Read the sync's topic to the ends it has now, work out who is a member by the sync's own rules, and compare.

A streamed audience is compared with what is remembered as sent: identifiers that are missing, and such that are too much. Members
whose last row is still on its way are counted, and not compared: instances may go on running. --repair hands the rows that differ to
their owners, which are running instances: these tell TikTok.

A file audience is built from its whole topic, in a folder of its own, and compared with the last upload. --repair uploads
it, with the same brakes as tokrelay audience upload.

TikTok tells of an audience only how many people it covers, of those it knows: always fewer than were sent. To have everything
sent again, use tokrelay resync. The exit code is 1 where something differs.`,
		Example: `  tokrelay audience verify --sync newsletter
  tokrelay audience verify --sync newsletter --repair --yes`,
		RunE: func(c *cobra.Command, _ []string) error { return audienceVerify(c, &f) },
	}
	f.audience.add(c)
	c.Flags().StringVar(&f.audience.sync, "sync", "", "sync that fills the audience; may be left out when there is one")
	c.Flags().BoolVar(&f.repair, "repair", false, "put right what differs; it asks")
	c.Flags().BoolVar(&f.force, "force", false, "with --repair: although it takes out more than half of a streamed audience")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "with --repair: do not ask")
	return c
}

// differs ends a verification that found differences: what they are was printed.
func differs(r *verify.Report, repaired bool) error {
	switch {
	case r.Fault != "":
		return errors.New("the audience cannot be what its topic tells: " + r.Fault)
	case repaired:
		return errors.New("the audience is not yet what its topic tells: run the repair again once what held it up is over")
	}
	return errors.New("the audience is not what its topic tells: tokrelay audience verify --repair puts it right")
}

func audienceVerify(c *cobra.Command, f *verifyFlags) error {
	d, s, err := audienceDesk(c, &f.audience, daemon.KindSegment, daemon.KindFile)
	if err != nil {
		return err
	}
	defer d.close()
	verifyIt := d.verifyStreamed
	if s.Kind() == daemon.KindFile {
		verifyIt = d.verifyFile
	}
	report, err := verifyIt(c.Context(), s, f)
	if report == nil {
		return err
	}
	if f.audience.json {
		err = errors.Join(err, d.screen.json(report))
	} else if err == nil || report.Streamed != nil {
		d.verified(report)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("interrupted: what was said is remembered as under way; run it again")
	case err == nil && report.Differs:
		return differs(report, f.repair)
	}
	return err
}

func (d *desk) verifyStreamed(ctx context.Context, s *daemon.Sync, f *verifyFlags) (*verify.Report, error) {
	with := quiet()
	with.Replay = true // it makes calls beside running instances, within their limits
	w, err := daemon.Wire(d.config, with)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	bar := d.screen.progress("reading")
	o := verify.Options{Now: time.Now, Progress: bar.show}
	if f.repair {
		o.Repair = func(c *segment.Comparison) error { return d.mayRepair(c, s, f) }
	}
	defer bar.end()
	report, err := verify.Streamed(ctx, w, s, o)
	if report != nil && report.Repaired > 0 {
		w.Note(ctx, daemon.Action{What: "repair", Sync: s.Name, By: daemon.Command(), Result: report.Words()})
	}
	return report, err
}

// mayRepair asks. A topic that tells of few of those remembered may not be the whole table.
func (d *desk) mayRepair(c *segment.Comparison, s *daemon.Sync, f *verifyFlags) error {
	if 2*c.TooMuch > c.Remembered && !f.force {
		return fmt.Errorf("the repair would take out %s of the %s identifiers of %s: see that its topic holds the whole table, then give --force; nothing was changed",
			thousands(c.TooMuch), thousands(c.Remembered), s.Name)
	}
	return d.screen.confirm(fmt.Sprintf("Tell TikTok of %s member(s) of %s again: %s identifiers in, %s out?",
		thousands(int64(c.Wrong())), s.Name, thousands(c.Missing), thousands(c.TooMuch)), f.yes)
}

func (d *desk) verifyFile(ctx context.Context, s *daemon.Sync, f *verifyFlags) (*verify.Report, error) {
	parts, err := daemon.New(d.config, quiet())
	if err != nil {
		return nil, err
	}
	job, bar := parts.FileJob(s.Name), d.screen.progress("")
	stop := bar.follow(func() { bar.upload(job.Progress()) })
	report, err := verify.File(ctx, parts.Wiring, s, job, time.Now())
	stop()
	if err != nil || !f.repair || report.File.Right() {
		parts.Wiring.Close()
		return report, err
	}
	if err := d.screen.confirm("Upload the audience of "+s.Name+" now?", f.yes); err != nil {
		parts.Wiring.Close()
		return report, err
	}
	m, err := d.upload(ctx, s, audiencefile.Options{Why: "request", Rebuild: true})
	if m != nil && m.Result != "" {
		d.manifest(m)
	}
	return nil, uploaded(m, err)
}

// verified prints a report.
func (d *desk) verified(r *verify.Report) {
	if r.New {
		d.screen.print("Nothing is remembered of it: the sync has not run yet.\n")
		return
	}
	d.screen.print("%s: %s row(s) read, %s of them rejected\n", d.screen.paint(bold, r.Sync), thousands(r.Rows), thousands(r.Rejected))
	if r.Unasked != "" {
		d.screen.print("%s\n", d.screen.paint(yellow, "TikTok could not be asked whether it holds the audience: "+r.Unasked))
	}
	if r.Fault != "" {
		d.screen.print("%s\n", d.screen.paint(red, r.Fault))
	}
	if r.File != nil {
		d.verifiedFile(r.File)
		return
	}
	d.verifiedStreamed(r.Streamed, r)
	if len(r.TikTok) > 0 {
		d.screen.audiences(r.TikTok, time.Time{})
	}
}

func (d *desk) verifiedStreamed(c *segment.Comparison, r *verify.Report) {
	d.screen.print("the topic tells of %s members with %s identifiers\n", thousands(c.People), thousands(c.Identifiers))
	d.screen.print("remembered as sent: %s identifiers\n", thousands(c.Remembered))
	for _, n := range []struct {
		of   int64
		says string
	}{
		{c.Waiting, "members are not compared: their last row is on its way"},
		{c.Open, "changes of identifiers, at most, wait to be told to TikTok"},
		{c.Untold, "members remembered are not compared: the topic does not say what they are"},
	} {
		if n.of > 0 {
			d.screen.print("%s %s\n", thousands(n.of), n.says)
		}
	}
	if c.Missing+c.TooMuch == 0 {
		of := ""
		if c.Waiting+c.Untold+c.Open > 0 {
			of = "of those compared, "
		}
		d.screen.print("%s\n", d.screen.paint(green, of+"nothing is missing and nothing is too much"))
		return
	}
	d.screen.print("%s\n", d.screen.paint(red, fmt.Sprintf("%s identifiers are missing, %s are too much", thousands(c.Missing), thousands(c.TooMuch))))
	d.differences(c.Differences)
	if r.Repaired > 0 {
		d.screen.print("%s\n", d.screen.paint(green, fmt.Sprintf("%s member(s) were put right", thousands(int64(r.Repaired)))))
	}
}

func (d *desk) differences(list []segment.Difference) {
	rows := [][]string{}
	for _, x := range list {
		at := "no row in the topic"
		if x.Offset >= 0 {
			at = pipeline.Position{Topic: x.Topic, Partition: x.Partition, Offset: x.Offset}.String()
		}
		rows = append(rows, []string{x.What, x.Type, x.Digest + "…", x.Audience, at})
	}
	d.screen.table([]string{"WHAT", "TYPE", "DIGEST", "AUDIENCE", "LAST ROW"}, rows)
}

func (d *desk) verifiedFile(v *audiencefile.Verification) {
	d.screen.print("the topic tells of %s identifiers\n", thousands(v.Members))
	last := v.Last
	switch {
	case last == nil:
		d.screen.print("%s\n", d.screen.paint(red, "nothing was ever uploaded: tokrelay audience upload does"))
		return
	case v.Right():
		d.screen.print("%s\n", d.screen.paint(green, "the upload of "+last.At.UTC().Format("2006-01-02 15:04 UTC")+" was this very set"))
	case v.Explained():
		d.screen.print("the upload of %s had %s; %s offset(s) were written since: the next upload brings them\n", last.At.UTC().Format("2006-01-02 15:04 UTC"), thousands(last.Members), thousands(v.Changed))
	case v.Changed < 0:
		d.screen.print("%s\n", d.screen.paint(red, fmt.Sprintf("the upload of %s had %s; the topic is another one since", last.At.UTC().Format("2006-01-02 15:04 UTC"), thousands(last.Members))))
	default:
		d.screen.print("%s\n", d.screen.paint(red, fmt.Sprintf("the upload of %s had %s, and %s offset(s) written since do not explain that",
			last.At.UTC().Format("2006-01-02 15:04 UTC"), thousands(last.Members), thousands(v.Changed))))
	}
	if last.Settled == audiencefile.Usable {
		d.screen.print("TikTok covers %s of its people\n", thousands(last.Covered))
	}
}
