package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// skipFlags are what skip is asked for.
type skipFlags struct {
	config, sync string
	place        replay.SkipOptions
	dryRun, yes  bool
}

func skipCommand() *cobra.Command {
	var f skipFlags
	c := &cobra.Command{
		Use:   "skip",
		Short: "Step over a batch, or a record, that a sync cannot get past",
		Long: `Move a sync's consumer group behind a batch of records that cannot be read: damaged, or larger unpacked than
kafka.max_batch_bytes. The page, the log and the alert name the place. A batch that can be read is not passed over as a whole:
of it only the record at --offset is, and only if it is the next one that the sync reads, so that no other row is lost.

Every instance of the sync has to be stopped first. It shows what is passed over, asks, and leaves a dead letter: of a record
with its bytes, of a batch with its place alone. Rows that are passed over are not sent. To read a batch after all, raise
kafka.max_batch_bytes and resync its partition.`,
		Example: `  tokrelay skip --sync purchases --partition 3 --offset 1200 --dry-run
  tokrelay skip --sync purchases --topic shop.public.orders --partition 3 --offset 1200 --yes`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return skip(c, &f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.sync, "sync", "", "sync that is held; may be left out when there is one")
	c.Flags().StringVar(&f.place.Topic, "topic", "", "topic of the batch; may be left out when the sync reads one")
	c.Flags().Int32Var(&f.place.Partition, "partition", -1, "partition of the batch")
	c.Flags().Int64Var(&f.place.Offset, "offset", -1, "an offset of the batch, or the record's")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be passed over; change nothing")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	return c
}

func skip(c *cobra.Command, f *skipFlags) error {
	if f.place.Partition < 0 || f.place.Offset < 0 {
		return usageError{errors.New("--partition and --offset are required, each 0 or more\nsee tokrelay skip --help")}
	}
	d, err := openDesk(c, f.config, "skip")
	if err != nil {
		return err
	}
	defer d.close()
	s, err := pickSync(d.config, f.sync)
	if err != nil {
		return err
	}
	plan, err := replay.PlanSkip(c.Context(), d.admin, d.config, s, f.place)
	if err != nil {
		return err
	}
	d.skip(s, plan)
	if f.dryRun {
		d.note("nothing was changed: this is a dry run\n")
		return nil
	}
	if err := vacant(plan.Group, plan.Members); err != nil {
		return err
	}
	if err := d.confirm(fmt.Sprintf("Pass over %s row(s) of %s?", thousands(plan.Rows()), s.Name), f.yes); err != nil {
		return err
	}
	if err := plan.Skip(c.Context(), d.config, s, daemon.Options{Version: version, Commit: commit(), Stored: storedToken}); err != nil {
		return err
	}
	d.print("done: start %s again, and it goes on at offset %d; the dead letter in %s names what was passed over\n", s.Name, plan.To, d.topics.RejectedTopic)
	return nil
}

// skip shows the plan.
func (d *desk) skip(s *daemon.Sync, plan *replay.SkipPlan) {
	b := plan.Batch
	d.print("sync %s, group %s\n", s.Name, plan.Group)
	if plan.Whole {
		d.print("%s\n", b)
		d.print("the group goes from offset %d to %d: up to %s row(s) of %s bytes are not read\n", plan.From, plan.To, thousands(plan.Rows()), thousands(int64(b.Bytes)))
	} else {
		d.print("the batch at offsets %d to %d of %s/%d can be read: only the record at offset %d is passed over\n", b.First, b.Last, b.Topic, b.Partition, plan.To-1)
	}
	if s.Kind() == daemon.KindSegment {
		d.print("%s\n", d.paint(yellow, "Members whose last change is among these rows stay in the audience as they are until their next change."))
	}
}

// vacant refuses while instances of the sync run: their next commit would undo the move.
func vacant(group string, members []kafka.Member) error {
	if len(members) == 0 {
		return nil
	}
	var who []string
	for _, m := range members {
		who = append(who, strings.TrimSpace(m.ClientID+" "+m.Host))
	}
	return fmt.Errorf("group %s is in use by %d instance(s): %s\nstop them first: their next commit would undo the move", group, len(members), strings.Join(who, ", "))
}
