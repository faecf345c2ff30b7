package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
)

func skipCommand() *cobra.Command {
	var f moveFlags
	var o replay.SkipOptions
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
		RunE: func(c *cobra.Command, _ []string) error { return skip(c, &f, o) },
	}
	f.add(c, "sync that is held", "show what would be passed over")
	c.Flags().StringVar(&o.Topic, "topic", "", "topic of the batch; may be left out when the sync reads one")
	c.Flags().Int32Var(&o.Partition, "partition", -1, "partition of the batch")
	c.Flags().Int64Var(&o.Offset, "offset", -1, "an offset of the batch, or the record's")
	return c
}

func skip(c *cobra.Command, f *moveFlags, o replay.SkipOptions) error {
	if o.Partition < 0 || o.Offset < 0 {
		return usageError{errors.New("--partition and --offset are required, each 0 or more\nsee tokrelay skip --help")}
	}
	return moveGroup(c, f, func(d *desk, s *daemon.Sync) (*groupMove, error) {
		plan, err := replay.PlanSkip(c.Context(), d.admin, d.config, s, o)
		if err != nil {
			return nil, err
		}
		return &groupMove{group: plan.Group,
			show:     func(screen *screen) { screen.skip(s, plan) },
			result:   fmt.Sprintf("%s passed over, up to offset %d", rowsOf(plan.Rows()), plan.To),
			question: fmt.Sprintf("Pass over %s row(s) of %s?", thousands(plan.Rows()), s.Name),
			do:       func(ctx context.Context) error { return plan.Skip(ctx, d.config, s, quiet()) },
			done:     fmt.Sprintf("goes on at offset %d; the dead letter in %s names what was passed over", plan.To, d.topics.RejectedTopic)}, nil
	})
}

// skip shows the plan.
func (s *screen) skip(of *daemon.Sync, plan *replay.SkipPlan) {
	b := plan.Batch
	if plan.Whole {
		s.print("%s\n", b)
		s.print("the group goes from offset %d to %d: up to %s row(s) of %s bytes are not read\n", plan.From, plan.To, thousands(plan.Rows()), thousands(int64(b.Bytes)))
	} else {
		s.print("the batch at offsets %d to %d of %s/%d can be read: only the record at offset %d is passed over\n", b.First, b.Last, b.Topic, b.Partition, plan.To-1)
	}
	if of.Kind() == daemon.KindSegment {
		s.print("%s\n", s.paint(yellow, "Members whose last change is among these rows stay in the audience as they are until their next change."))
	}
}
