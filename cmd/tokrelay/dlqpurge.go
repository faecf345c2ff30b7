package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/check"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// purgeFlags are what dlq purge is asked for.
type purgeFlags struct {
	config, before, upTo, key string
	syncs                     []string
	others, dryRun, yes       bool
}

func dlqPurgeCommand() *cobra.Command {
	var f purgeFlags
	c := &cobra.Command{
		Use:   "purge",
		Short: "Delete dead letters: before a time, up to a place, or what is kept of one member",
		Long: `Delete dead letters for good. Kafka deletes from the beginning of a partition up to an offset, and nothing in between.

--before deletes what was rejected before a time, in both topics. --offset deletes a partition's letters up to and with a
place. --key is for erasure requests: it finds every letter of one member (the record key, or the value of its column;
name=value,name=value of several), deletes those that no letter of another member comes before, and says what remains.
--with-others deletes the rest too, with the letters that come before them: replay those first.`,
		Example: `  tokrelay dlq purge --before 14d
  tokrelay dlq purge --offset tokrelay.rejected/2/118
  tokrelay dlq purge --key 4711 --sync newsletter
  tokrelay dlq replay && tokrelay dlq purge --key 4711 --with-others`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return dlqPurge(c, &f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.before, "before", "", "delete what was rejected before: a time, a day, or how long ago (14d)")
	c.Flags().StringVar(&f.upTo, "offset", "", "delete up to and with TOPIC/PARTITION/OFFSET of a dead-letter topic")
	c.Flags().StringVar(&f.key, "key", "", "find the letters of this member")
	c.Flags().StringSliceVar(&f.syncs, "sync", nil, "with --key: of this sync alone")
	c.Flags().BoolVar(&f.others, "with-others", false, "with --key: also letters of others that come before the member's")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "say what would be deleted; delete nothing")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	return c
}

func dlqPurge(c *cobra.Command, f *purgeFlags) error {
	given := 0
	for _, flag := range []string{f.before, f.upTo, f.key} {
		if flag != "" {
			given++
		}
	}
	if given != 1 {
		return usageError{errors.New("give one of --before, --offset and --key\nsee tokrelay dlq purge --help")}
	}
	if f.key == "" && (f.others || len(f.syncs) > 0) {
		return usageError{errors.New("--with-others and --sync go with --key")}
	}
	before, err := when("--before", f.before, time.Now())
	if err != nil {
		return err
	}
	d, err := openDesk(c, f.config, "dlq-purge")
	if err != nil {
		return err
	}
	defer d.close()
	p := &purge{screen: d.screen, desk: d, flags: f}
	switch {
	case f.key != "":
		return p.member(c.Context())
	case f.upTo != "":
		return p.offset(c.Context())
	}
	return p.time(c.Context(), before)
}

// purge is one deletion from question to result.
type purge struct {
	screen *screen
	desk   *desk
	flags  *purgeFlags
}

// time deletes what is older, partition by partition up to the first letter that is not.
func (p *purge) time(ctx context.Context, before time.Time) error {
	r := admin.Range{To: admin.Offsets{}, IDs: map[string]string{}}
	for _, topic := range []string{p.desk.topics.RejectedTopic, p.desk.topics.FailedTopic} {
		span, err := deadletter.SpanOf(ctx, daemon.LettersIn(p.desk.admin), topic, time.Time{}, before)
		if err != nil {
			return err
		}
		r.IDs[topic] = span.ID
		for id, end := range span.To {
			if end > span.From[id] {
				r.To.Set(topic, id, end)
			}
		}
	}
	return p.delete(ctx, r)
}

func (p *purge) offset(ctx context.Context) error {
	place, err := deadletter.ParsePlace(p.flags.upTo)
	if err != nil {
		return usageError{fmt.Errorf("--offset: %w", err)}
	}
	if place.Topic != p.desk.topics.RejectedTopic && place.Topic != p.desk.topics.FailedTopic {
		return usageError{fmt.Errorf("--offset: %s is not a dead-letter topic: only %s and %s are purged", place.Topic, p.desk.topics.RejectedTopic, p.desk.topics.FailedTopic)}
	}
	span, err := deadletter.SpanOf(ctx, daemon.LettersIn(p.desk.admin), place.Topic, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	end, ok := span.To[place.Partition]
	if !ok || place.Offset >= end {
		return fmt.Errorf("--offset: %s is not there: the partition ends before offset %d", p.flags.upTo, end)
	}
	return p.delete(ctx, admin.Range{To: admin.Offsets{place.Topic: {place.Partition: place.Offset + 1}}, IDs: map[string]string{place.Topic: span.ID}})
}

// words are what was asked for; whose letters they are is personal data.
func (p *purge) words() string {
	switch {
	case p.flags.before != "":
		return "before " + p.flags.before
	case p.flags.upTo != "":
		return "up to " + p.flags.upTo
	}
	return "those of one member"
}

// delete says what is before the ends of the range, asks, and lets Kafka delete it.
func (p *purge) delete(ctx context.Context, r admin.Range) error {
	rows, total, err := p.doomed(ctx, r.To)
	if err != nil {
		return err
	}
	if total == 0 {
		p.screen.print("Nothing to delete.\n")
		return nil
	}
	p.screen.table([]string{"TOPIC", "PARTITION", "UP TO OFFSET", "LETTERS"}, rows)
	if p.flags.dryRun {
		p.screen.note("nothing was deleted: this is a dry run\n")
		return nil
	}
	if err := p.screen.confirm(fmt.Sprintf("Delete up to %s letter(s) for good? Rows that were not replayed are lost with them.", thousands(total)), p.flags.yes); err != nil {
		return err
	}
	err = p.desk.acted(ctx, daemon.Action{What: "purge", Detail: p.words()}, func() (string, error) {
		return fmt.Sprintf("up to %s letter(s) deleted", thousands(total)), p.desk.admin.DeleteRecords(ctx, r)
	})
	if err != nil {
		if !kafka.Denied(err) {
			return err
		}
		for topic := range r.To {
			err = fmt.Errorf("%w\ngrant it: %s", err, check.Grant(p.desk.config.Kafka, "--topic", topic, admin.RightDelete))
		}
		return err
	}
	p.screen.print("deleted\n")
	return nil
}

func (p *purge) doomed(ctx context.Context, to admin.Offsets) (rows [][]string, total int64, err error) {
	for _, topic := range []string{p.desk.topics.RejectedTopic, p.desk.topics.FailedTopic} {
		if len(to[topic]) == 0 {
			continue
		}
		starts, err := p.desk.admin.Starts(ctx, topic)
		if err != nil {
			return nil, 0, err
		}
		for id := range int32(len(starts[topic])) {
			end, ok := to.Get(topic, id)
			start, _ := starts.Get(topic, id)
			if n := end - start; ok && n > 0 {
				rows = append(rows, []string{topic, fmt.Sprint(id), fmt.Sprint(end - 1), thousands(n)})
				total += n
			}
		}
	}
	return rows, total, nil
}
