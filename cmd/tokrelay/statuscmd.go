package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
)

// statusFlags are what status is asked for.
type statusFlags struct {
	config      string
	sync        string
	json, watch bool
}

func statusCommand() *cobra.Command {
	var f statusFlags
	c := &cobra.Command{
		Use: "status", Short: "Tell of each sync, over all its instances, whether it is up to date, behind or held", Args: noArgs,
		Long: `Tell how each sync is: how many rows have not settled, by the group's offsets in Kafka; who reads which partitions; and what
instances wait for, as they report it every ` + daemon.ReportEvery.String() + ` in the state topic. It needs no instance: where none runs, it says so.

up to date    every row older than a minute has settled
behind        older rows wait; or what the sync does cannot be told
not running   no instance runs the sync
paused        by tokrelay pause
held          it waits until someone acts; what to do is behind "waits for"

What an instance waited for that was killed may be told for half a minute.

The exit code is 0 when all are up to date, 3 when one is behind or not running, 4 when one is held or paused.`,
		Example: `  tokrelay status
  tokrelay status --watch
  tokrelay status --json | jq '.[] | select(.state != "up to date")'`,
		RunE: func(c *cobra.Command, _ []string) error { return status(c, &f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", "this sync alone")
	c.Flags().BoolVar(&f.json, "json", false, "as JSON, with every partition that is behind")
	c.Flags().BoolVar(&f.watch, "watch", false, "look again every two seconds, until Ctrl-C")
	return c
}

// How status ends when its words are on the screen.
var (
	errBehind = fmt.Errorf("%w: behind", errReported)
	errHeld   = fmt.Errorf("%w: held", errReported)
)

func status(c *cobra.Command, f *statusFlags) error {
	d, err := openDesk(c, f.config, "status")
	if err != nil {
		return err
	}
	defer d.close()
	if f.sync != "" {
		s, err := d.config.Sync(f.sync)
		if err != nil {
			return usageError{fmt.Errorf("--sync: %w", err)}
		}
		d.config.Syncs = []daemon.Sync{*s}
	}
	w, err := daemon.Wire(d.config, quiet())
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		store, err := d.config.ReadState(c.Context(), d.admin)
		if err != nil {
			return fmt.Errorf("read the state topic: %w", err)
		}
		all, err := w.GroupStates(c.Context(), store)
		if err != nil {
			return err
		}
		if err := d.showStates(all, f); err != nil {
			return err
		}
		if !f.watch || pipeline.Wait(c.Context(), 2*time.Second) != nil {
			return worst(all)
		}
	}
}

// worst is how status ends.
func worst(all []*daemon.GroupState) (err error) {
	for _, g := range all {
		switch g.Verdict {
		case daemon.Held, daemon.Paused:
			return errHeld
		case daemon.Behind, daemon.NotRunning:
			err = errBehind
		}
	}
	return err
}

func (d *desk) showStates(all []*daemon.GroupState, f *statusFlags) error {
	if f.json && f.watch {
		return d.screen.line(all)
	}
	if f.json {
		return d.screen.json(all)
	}
	if f.watch && d.screen.live {
		d.screen.print("\x1b[H\x1b[2J")
	}
	var rows [][]string
	for _, g := range all {
		rows = append(rows, stateRow(g))
	}
	d.screen.table([]string{"SYNC", "STATE", "ROWS BEHIND", "IN/S", "OUT/S", "INSTANCES"}, rows)
	for _, g := range all {
		d.stateNotes(g)
	}
	if f.watch && !d.screen.live {
		d.screen.print("\n")
	}
	return nil
}

func stateRow(g *daemon.GroupState) []string {
	if g.Kind == daemon.KindFile {
		return []string{g.Sync, string(g.Verdict), "", "", "", ""}
	}
	return []string{g.Sync, string(g.Verdict), thousands(g.LagRows), perSecond(g.Arrived), perSecond(g.Settled), strconv.Itoa(len(g.Instances))}
}

// perSecond is a rate with as many digits as say something.
func perSecond(rate float64) string {
	if rate > 0 && rate < 10 {
		return strconv.FormatFloat(rate, 'f', 1, 64)
	}
	return thousands(int64(rate + 0.5))
}

// stateNotes say what the table has no room for.
func (d *desk) stateNotes(g *daemon.GroupState) {
	notes := notesOn(g)
	if len(notes) == 0 {
		return
	}
	d.screen.print("\n%s\n", d.screen.paint(bold, g.Sync))
	for _, note := range notes {
		d.screen.print("  %s\n", note)
	}
}

func notesOn(g *daemon.GroupState) (notes []string) {
	for _, t := range g.Waits {
		text := fmt.Sprintf("waits for %s, since %s, on %s", t.What, t.Since.UTC().Format(time.RFC3339), strings.Join(t.Instances, ", "))
		if t.Kind == pipeline.TroublePaused {
			text = t.What
		}
		if notes = append(notes, text); t.Cure != "" {
			notes = append(notes, t.Cure)
		}
	}
	if g.Kind != daemon.KindFile && len(g.Instances) == 0 || g.Verdict == daemon.NotRunning {
		notes = append(notes, "no instance runs it: start tokrelay run with this configuration")
	}
	if g.Problem != "" {
		notes = append(notes, g.Problem)
	}
	if g.Lag > 0 && g.LagRows > 0 {
		notes = append(notes, "the row that waits longest is "+roughly(g.Lag)+" old")
	}
	if g.CaughtUp > 0 {
		notes = append(notes, "caught up in about "+roughly(g.CaughtUp)+", if it goes on like this")
	}
	if !g.Uploaded.IsZero() {
		notes = append(notes, "last uploaded, or found unchanged, at "+g.Uploaded.UTC().Format(time.RFC3339))
	}
	if g.Verdict != daemon.UpToDate {
		for _, m := range g.Instances {
			notes = append(notes, m.Client+" on "+m.Host+" reads "+m.Reads())
		}
	}
	return notes
}

// roughly is a time as a person says it: 3 s, 12 min, 5 h.
func roughly(seconds float64) string {
	switch {
	case seconds < 90:
		return fmt.Sprintf("%.0f s", max(seconds, 1))
	case seconds < 90*60:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.0f h", seconds/3600)
}
