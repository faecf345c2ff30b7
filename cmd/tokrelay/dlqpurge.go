package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/letters"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// purgeFlags are what dlq purge is asked for.
type purgeFlags struct {
	config, before, upTo, key string
	syncs                     []string
	dryRun, yes               bool
}

func dlqPurgeCommand() *cobra.Command {
	var f purgeFlags
	c := &cobra.Command{
		Use:   "purge",
		Short: "Delete dead letters: before a time, up to a place, or what is kept of one member",
		Long: `Delete dead letters for good. Kafka deletes from the beginning of a partition up to an offset, and nothing in between.

--before deletes what was rejected before a time, in both topics. --offset deletes a partition's letters up to and with a
place. --key is for erasure requests: it finds every letter of one member (the record key, or the value of its column;
name=value,name=value of several), and says what Kafka can delete now, what that takes with it, and what remains.`,
		Example: `  tokrelay dlq purge --before 14d
  tokrelay dlq purge --offset tokrelay.rejected/2/118
  tokrelay dlq purge --key 4711 --sync newsletter`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return dlqPurge(c, &f) },
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.before, "before", "", "delete what was rejected before: a time, a day, or how long ago (14d)")
	c.Flags().StringVar(&f.upTo, "offset", "", "delete up to and with TOPIC/PARTITION/OFFSET of a dead-letter topic")
	c.Flags().StringVar(&f.key, "key", "", "find the letters of this member")
	c.Flags().StringSliceVar(&f.syncs, "sync", nil, "with --key: of this sync alone")
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
	before, err := when("--before", f.before, time.Now())
	if err != nil {
		return err
	}
	d, err := openDesk(c, f.config, "dlq-purge")
	if err != nil {
		return err
	}
	defer d.close()
	p := &purge{desk: d, flags: f}
	switch {
	case f.key != "":
		return p.member(c.Context())
	case f.upTo != "":
		return p.offset(c.Context())
	}
	return p.time(c.Context(), before)
}

type purge struct {
	*desk
	flags *purgeFlags
}

// time deletes what is older, partition by partition up to the first letter that is not.
func (p *purge) time(ctx context.Context, before time.Time) error {
	to := kafka.Offsets{}
	for _, topic := range []string{p.topics.RejectedTopic, p.topics.FailedTopic} {
		span, err := letters.SpanOf(ctx, p.admin, topic, time.Time{}, before)
		if err != nil {
			return err
		}
		for id, end := range span.To[topic] {
			if from, _ := span.From.Get(topic, id); end > from {
				to.Set(topic, id, end)
			}
		}
	}
	return p.delete(ctx, to)
}

func (p *purge) offset(ctx context.Context) error {
	place, err := letters.ParsePlace(p.flags.upTo)
	if err != nil {
		return usageError{fmt.Errorf("--offset: %w", err)}
	}
	if place.Topic != p.topics.RejectedTopic && place.Topic != p.topics.FailedTopic {
		return usageError{fmt.Errorf("--offset: %s is no dead-letter topic: only %s and %s are purged", place.Topic, p.topics.RejectedTopic, p.topics.FailedTopic)}
	}
	span, err := letters.SpanOf(ctx, p.admin, place.Topic, time.Time{}, time.Time{})
	if err != nil {
		return err
	}
	end, ok := span.To.Get(place.Topic, place.Partition)
	if !ok || place.Offset >= end {
		return fmt.Errorf("--offset: %s is not there: the partition ends before offset %d", p.flags.upTo, end)
	}
	return p.delete(ctx, kafka.Offsets{place.Topic: {place.Partition: place.Offset + 1}})
}

// delete says what would go, asks, and lets Kafka delete.
func (p *purge) delete(ctx context.Context, to kafka.Offsets) error {
	rows, total, err := p.doomed(ctx, to)
	if err != nil {
		return err
	}
	if total == 0 {
		p.print("Nothing to delete.\n")
		return nil
	}
	p.table([]string{"TOPIC", "PARTITION", "UP TO OFFSET", "LETTERS"}, rows)
	if p.flags.dryRun {
		p.note("nothing was deleted: this is a dry run\n")
		return nil
	}
	if err := p.confirm(fmt.Sprintf("Delete up to %s letter(s) for good? Rows that were not replayed are lost with them.", thousands(total)), p.flags.yes); err != nil {
		return err
	}
	if err := p.admin.DeleteRecords(ctx, to); err != nil {
		if !kafka.Denied(err) {
			return err
		}
		for topic := range to {
			err = fmt.Errorf("%w\ngrant it: %s", err, p.config.Grant("--topic", topic, kafka.RightDelete))
		}
		return err
	}
	p.print("deleted\n")
	return nil
}

func (p *purge) doomed(ctx context.Context, to kafka.Offsets) (rows [][]string, total int64, err error) {
	for _, topic := range []string{p.topics.RejectedTopic, p.topics.FailedTopic} {
		if len(to[topic]) == 0 {
			continue
		}
		starts, err := p.admin.Starts(ctx, topic)
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

// keptOf is what a partition keeps of a member.
type keptOf struct {
	letters    int64
	last       pipeline.Position
	lastTime   time.Time
	neighbours int64 // letters of others up to the last one
}

// member finds what is kept of a member, and says what can be done about it.
func (p *purge) member(ctx context.Context) error {
	topic := p.topics.RejectedTopic
	filter := letters.Filter{Syncs: p.flags.syncs}
	if err := p.choose(&filter, p.flags.key); err != nil {
		return err
	}
	kept, err := p.keptOf(ctx, topic, &filter)
	if err != nil {
		return err
	}
	if p.topics.Payload == "none" {
		p.note("dead_letter.payload is none: newer letters hold no key and no row, only where it stands in its source\n")
	}
	if len(kept) == 0 {
		p.print("No letter in %s is of this member.\n", topic)
		return p.remains(ctx)
	}
	to := kafka.Offsets{}
	rows := [][]string{}
	for id := range int32(1 << 16) {
		k := kept[id]
		if k == nil {
			continue
		}
		to.Set(topic, id, k.last.Offset+1)
		rows = append(rows, []string{letters.PlaceText(k.last), thousands(k.letters), thousands(k.neighbours)})
		delete(kept, id)
	}
	p.table([]string{"DELETE UP TO", "LETTERS OF THE MEMBER", "OF OTHERS, LOST WITH THEM"}, rows)
	p.note("\nKafka cannot delete single records: with the member's letters go all that stand before them. Replay those first:\n  tokrelay dlq replay\n\n")
	if err := p.delete(ctx, to); err != nil {
		return errors.Join(err, p.remains(ctx))
	}
	return p.remains(ctx)
}

func (p *purge) keptOf(ctx context.Context, topic string, filter *letters.Filter) (map[int32]*keptOf, error) {
	span, err := letters.SpanOf(ctx, p.admin, topic, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	bar, read := p.progress("searching "+topic), int64(0)
	defer bar.end()
	kept, others := map[int32]*keptOf{}, map[int32]int64{}
	err = letters.Scan(ctx, p.admin, span, filter, func(r *pipeline.Record, _ *deadletter.Head, chosen bool) error {
		if read++; read%1024 == 0 {
			bar.show(read, span.Records)
		}
		if !chosen {
			others[r.Partition]++
			return nil
		}
		k := kept[r.Partition]
		if k == nil {
			k = &keptOf{}
			kept[r.Partition] = k
		}
		k.letters++
		k.last = pipeline.Position{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}
		k.lastTime, k.neighbours = r.Timestamp, others[r.Partition]
		return nil
	})
	return kept, err
}

// remains says where else the member's data may be.
func (p *purge) remains(ctx context.Context) error {
	there, err := p.admin.Topics(ctx, p.topics.RejectedTopic)
	if err != nil {
		return err
	}
	p.print("\nWhat remains, and where to look:\n")
	if t, ok := there[p.topics.RejectedTopic]; ok && t.Retention > 0 {
		p.print("  %s forgets every letter after %s by itself; brokers delete whole segments, so up to a segment later\n", t.Name, days(t.Retention))
	}
	p.print("  %s holds places and event ids (hashes), no rows\n", p.topics.FailedTopic)
	for i := range p.config.Syncs {
		s := &p.config.Syncs[i]
		p.print("  the source of %s: delete the row there, and its topic follows by retention or compaction\n", s.Name)
		if s.Kind() == daemon.KindSegment {
			p.print("  the audience of %s: the deleted row takes the member out of it, and out of the members topic\n", s.Name)
		}
	}
	return nil
}

func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}
