package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
)

// moveFlags are what every command that moves a sync's group is asked for.
type moveFlags struct {
	config, sync string
	dryRun, yes  bool
}

func (f *moveFlags) add(c *cobra.Command, sync, dryRun string) {
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", sync+"; may be left out when there is one")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, dryRun+"; change nothing")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
}

// groupMove is what is about to be done with a sync's group.
type groupMove struct {
	group    string
	show     func(*screen)
	question string
	do       func(context.Context, daemon.Options) error
	done     string
	result   string // for the list of actions
}

// moveGroup shows what plan finds, asks, and does it. Nothing moves while an instance of the sync runs.
func moveGroup(c *cobra.Command, f *moveFlags, plan func(*desk, *daemon.Sync) (*groupMove, error)) error {
	d, err := openDesk(c, f.config, c.Name())
	if err != nil {
		return err
	}
	defer d.close()
	s, err := pickSync(d.config, f.sync)
	if err != nil {
		return err
	}
	m, err := plan(d, s)
	if err != nil {
		return err
	}
	d.screen.print("sync %s, group %s\n", s.Name, m.group)
	m.show(d.screen)
	if f.dryRun {
		d.screen.note("nothing was changed: this is a dry run\n")
		return nil
	}
	if err := d.vacant(c.Context(), m.group); err != nil {
		return err
	}
	if err := d.screen.confirm(m.question, f.yes); err != nil {
		return err
	}
	err = d.acted(c.Context(), daemon.Action{What: c.Name(), Sync: s.Name}, func() (string, error) { return m.result, m.do(c.Context(), quiet()) })
	if err != nil {
		return err
	}
	d.screen.print("done: start %s again, and it %s\n", s.Name, m.done)
	return nil
}

// vacant refuses while instances of the sync run: their next commit would undo the move.
func (d *desk) vacant(ctx context.Context, name string) error {
	members, err := d.admin.Members(ctx, name)
	if err != nil || len(members) == 0 {
		return err
	}
	var who []string
	for _, m := range members {
		who = append(who, strings.TrimSpace(m.ClientID+" "+m.Host))
	}
	return fmt.Errorf("group %s is in use by %d instance(s): %s\nstop them first: their next commit would undo the move", name, len(members), strings.Join(who, ", "))
}
