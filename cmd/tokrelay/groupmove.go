package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
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
	do       func(context.Context) error
	done     string
	result   string // for the list of actions
}

// moveGroup shows what plan finds, asks, and does it. Nothing moves while an instance of the sync sends: all are stopped, or the
// sync is paused and its members are put out of the group, to join again behind the move.
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
	paused, err := d.vacant(c.Context(), s, m.group)
	if err != nil {
		return err
	}
	if err := d.screen.confirm(m.question, f.yes); err != nil {
		return err
	}
	move, next := m.do, "start "+s.Name+" again"
	if paused {
		move, next = func(ctx context.Context) error { return d.moveUnder(ctx, m) }, "tokrelay resume --sync "+s.Name
	}
	err = d.acted(c.Context(), daemon.Action{What: c.Name(), Sync: s.Name}, func() (string, error) { return m.result, move(c.Context()) })
	if err == nil {
		d.screen.print("done: %s, and it %s\n", next, m.done)
	}
	return err
}

// mostMoves are the times a move is tried: members that were put out may be back before it.
const mostMoves = 10

// moveUnder moves the group of a paused sync whose instances run.
func (d *desk) moveUnder(ctx context.Context, m *groupMove) error {
	for tries := 1; ; tries++ {
		if err := d.admin.Vacate(ctx, m.group); err != nil {
			return err
		}
		err := m.do(ctx)
		if !errors.Is(err, admin.ErrGroupInUse) || tries == mostMoves {
			return err
		}
	}
}

// vacant refuses while instances of the sync send: their next commit would undo the move. It reports whether they run and are
// paused. An audience's owners remember what they were told: those have to be stopped.
func (d *desk) vacant(ctx context.Context, s *daemon.Sync, name string) (paused bool, err error) {
	members, err := d.admin.Members(ctx, name)
	if err != nil || len(members) == 0 {
		return false, err
	}
	how := "stop them first"
	if s.Kind() == daemon.KindEvents && d.config.Kafka.Protocol != kafka.NextGen {
		if paused, err = d.paused(ctx, s); err != nil || paused {
			return paused, err
		}
		how = "pause it (tokrelay pause --sync " + s.Name + "), or stop them first"
	}
	var who []string
	for _, m := range members {
		who = append(who, strings.TrimSpace(m.ClientID+" "+m.Host))
	}
	return false, fmt.Errorf("group %s is in use by %d instance(s): %s\n%s: their next commit would undo the move", name, len(members), strings.Join(who, ", "), how)
}

// paused reports whether the sync is paused, and waits until its instances obey.
func (d *desk) paused(ctx context.Context, s *daemon.Sync) (bool, error) {
	w, err := daemon.Wire(d.config, quiet())
	if err != nil {
		return false, err
	}
	defer w.Close()
	last, err := w.LastOrder(ctx, s.Name)
	if err != nil || !last.Paused {
		return false, err
	}
	return true, pipeline.Wait(ctx, max(0, time.Until(last.At.Add(daemon.ObeyedWithin))))
}
