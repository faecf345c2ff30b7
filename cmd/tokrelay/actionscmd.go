package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// actionsFlags are what actions is asked for.
type actionsFlags struct {
	config, sync, since string
	limit               int
	json                bool
}

func actionsCommand() *cobra.Command {
	var f actionsFlags
	c := &cobra.Command{
		Use:   "actions",
		Short: "List what operators did and are doing: replays, pauses, resyncs, uploads, repairs, purges",
		Long: `List what was done, and what is under way, from the pages of instances and by commands: when, of which sync, by whom, how far it is
and how it ended, newest first. The state topic keeps the last 500 of a month. One that has not said for half a minute that it goes on was
cut off.`,
		Example: "  tokrelay actions\n  tokrelay actions --sync purchases --since 7d --json",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return actions(c, &f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", "of this sync")
	c.Flags().StringVar(&f.since, "since", "", "that began since: a time, a day, or how long ago (24h, 7d)")
	c.Flags().IntVar(&f.limit, "limit", 50, "at most this number, the newest")
	c.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return c
}

// listedAction is an action with its state.
type listedAction struct {
	daemon.Action
	State string `json:"state"`
}

func actions(c *cobra.Command, f *actionsFlags) error {
	now := time.Now()
	since, err := when("--since", f.since, now)
	if err != nil {
		return err
	}
	d, err := openDesk(c, f.config, c.Name())
	if err != nil {
		return err
	}
	defer d.close()
	w, err := daemon.Wire(d.config, quiet())
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.LastOrder(c.Context(), f.sync); err != nil { // reads the state topic, which may not be there yet
		return err
	}
	list := []listedAction{}
	for _, a := range w.Actions() {
		if len(list) < f.limit && !a.Began.Before(since) && (f.sync == "" || a.Sync == f.sync) {
			list = append(list, listedAction{a, a.State(now)})
		}
	}
	if f.json {
		return d.screen.json(list)
	}
	d.screen.actions(list)
	return nil
}

func (s *screen) actions(list []listedAction) {
	if len(list) == 0 {
		s.print("Nobody has done anything that is remembered.\n")
		return
	}
	rows := [][]string{}
	for _, a := range list {
		rows = append(rows, []string{a.Began.UTC().Format("2006-01-02 15:04:05 UTC"), a.What, cmp.Or(a.Sync, "all"), a.State, a.By, strings.TrimSpace(a.Detail + "  " + a.Outcome())})
	}
	s.table([]string{"BEGAN", "ACTION", "SYNC", "STATE", "BY", "WHAT CAME OF IT"}, rows)
}

// acted writes what do does into the list of actions. do returns what came of it in words.
func (d *desk) acted(ctx context.Context, a daemon.Action, do func() (string, error)) error {
	w, err := daemon.Wire(d.config, quiet())
	if err != nil {
		return err
	}
	defer w.Close()
	a.By = daemon.Command()
	acting := w.Begin(ctx, a)
	result, err := do()
	acting.End(result, err)
	return err
}

// rowsOf says how many rows something is of.
func rowsOf(n int64) string { return fmt.Sprintf("%s row(s)", thousands(n)) }
