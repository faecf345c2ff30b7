package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
)

func resyncCommand() *cobra.Command {
	var f moveFlags
	var toTime string
	var o replay.ResyncOptions
	c := &cobra.Command{
		Use:   "resync",
		Short: "Read a sync's topic again from the start, or from a time",
		Long: `Move a sync's consumer group back, so that its rows are read again. A sync of events has to be paused first (tokrelay pause): its instances
go on with all others. Every instance of a sync that streams an audience has to be stopped.
It shows what will be read again, and what TikTok will and will not recognise, and asks. Kafka counts offsets, not rows: those of
rows that a transaction took back, of the ends of transactions and of what compaction removed are among them.

A full resync of a streamed audience sends every member again. It is also needed when an audience changes its mode, and with
--recreate when a streamed audience is to be another one: the new one is filled from the start, the old one stays as it is.`,
		Example: `  tokrelay resync --sync purchases --dry-run
  tokrelay resync --sync purchases --to-time 24h
  tokrelay resync --sync newsletter --yes
  tokrelay resync --sync newsletter --recreate`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return resync(c, &f, toTime, o) },
	}
	f.add(c, "sync to read again", "show what would be read again")
	c.Flags().StringVar(&toTime, "to-time", "", "rows written since: a time, a day, or how long ago (24h, 7d)")
	c.Flags().Int32Var(&o.Partition, "partition", -1, "this partition alone")
	c.Flags().BoolVar(&o.Recreate, "recreate", false, "let a streamed audience be another one, as it is configured now")
	return c
}

func resync(c *cobra.Command, f *moveFlags, toTime string, o replay.ResyncOptions) (err error) {
	now := time.Now()
	if o.Partition < -1 {
		return usageError{errors.New("--partition must be 0 or more")}
	}
	if o.To, err = when("--to-time", toTime, now); err != nil {
		return err
	}
	return moveGroup(c, f, func(d *desk, s *daemon.Sync) (*groupMove, error) {
		plan, err := replay.PlanResync(c.Context(), d.admin, d.config, s, o, now)
		if err != nil {
			return nil, err
		}
		return &groupMove{group: plan.Group,
			show:     func(screen *screen) { screen.resync(s, plan) },
			question: fmt.Sprintf("Let %s read at most %s row(s) again?", s.Name, thousands(plan.Records)),
			do:       func(ctx context.Context) error { return plan.Resync(ctx, d.config, s, quiet()) },
			result:   "at most " + rowsOf(plan.Records) + " are read again",
			done:     "reads from there"}, nil
	})
}

// resync shows the plan.
func (s *screen) resync(of *daemon.Sync, plan *replay.ResyncPlan) {
	rows := [][]string{}
	for _, p := range plan.Parts {
		committed := "none"
		if p.Committed >= 0 {
			committed = strconv.FormatInt(p.Committed, 10)
		}
		rows = append(rows, []string{p.Topic, strconv.Itoa(int(p.Partition)), committed, strconv.FormatInt(p.To, 10), thousands(p.End - p.To)})
	}
	s.table([]string{"TOPIC", "PARTITION", "IS AT", "GOES TO", "ROWS AT MOST"}, rows)
	s.print("\n%s\n", s.paint(yellow, recognised(of, plan)))
}

// recognised says what TikTok makes of rows it gets a second time.
func recognised(s *daemon.Sync, plan *replay.ResyncPlan) string {
	switch s.Kind() {
	case daemon.KindSegment:
		if plan.Recreate {
			return "Every member is added to the audience that is configured now. The audience it has so far stays at TikTok as it is."
		}
		text := "An audience is a set: members that are in it already are added again without effect."
		switch {
		case plan.IsFull() && plan.Records == 0:
			text += "\nThe topics have no row now, which may be a mistake: nobody leaves. To empty the audience, write a row and run this again."
		case plan.IsFull():
			text += "\nRows that the topic does not tell of any more leave the audience once it was read to the end that it has now."
		}
		return text
	case daemon.KindFile:
		return "The audience is replaced as a whole by one upload, which is made of the rows that are read again, as soon as the sync runs."
	}
	recent := plan.Records - plan.Older
	return fmt.Sprintf("TikTok drops events it has seen in the last 48 hours by their event id: of the rows to read, at most %s were written since then\n"+
		"and are dropped where they were delivered, as long as event_id is made as it was. At most %s are older: each that was delivered counts a second time.",
		thousands(recent), thousands(plan.Older))
}
