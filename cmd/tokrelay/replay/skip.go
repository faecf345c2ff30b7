package replay

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// SkipOptions name the place to step over.
type SkipOptions struct {
	Topic     string // "" where the sync reads one
	Partition int32
	Offset    int64
}

// SkipPlan is what a skip would do: the group goes from From to To in one partition, and one dead letter says so.
type SkipPlan struct {
	Group string
	Batch *kafka.Batch
	Whole bool  // the batch cannot be read: all of it is passed over; else the record at From alone
	From  int64 // where the group is
	To    int64

	letter pipeline.Letter
}

// Rows is the most rows that are passed over.
func (p *SkipPlan) Rows() int64 {
	if !p.Whole {
		return 1
	}
	return min(int64(p.Batch.Rows), p.To-p.From)
}

// PlanSkip looks at the place and at where the sync's group is. It refuses a place that the group has not come to: rows
// before it would be lost, too.
func PlanSkip(ctx context.Context, client *admin.Client, c *daemon.Config, s *daemon.Sync, o SkipOptions) (*SkipPlan, error) {
	if s.Kind() == daemon.KindFile {
		return nil, fmt.Errorf("sync %s is an audience_file: it has no group to move, and an audience made without some rows would lose their members\n"+
			"raise kafka.max_batch_bytes, or repair the topic", s.Name)
	}
	topic, err := skipTopic(ctx, client, s, o.Topic)
	if err != nil {
		return nil, err
	}
	p := &SkipPlan{Group: c.GroupOf(s)}
	if p.From, err = readsFrom(ctx, client, s, p.Group, topic, o.Partition); err != nil {
		return nil, err
	}
	if p.Batch, err = client.BatchAt(ctx, topic, o.Partition, p.From); err != nil {
		return nil, err
	}
	return p, p.lay(topic, o)
}

// skipTopic is the topic that is meant, one that the sync reads.
func skipTopic(ctx context.Context, client *admin.Client, s *daemon.Sync, named string) (string, error) {
	topics, err := s.SourceTopics(ctx, client)
	switch {
	case err != nil:
		return "", err
	case named == "" && len(topics) == 1:
		return topics[0], nil
	case named == "":
		return "", fmt.Errorf("sync %s reads %d topics: name one with --topic: %s", s.Name, len(topics), strings.Join(topics, ", "))
	case !slices.Contains(topics, named):
		return "", fmt.Errorf("sync %s does not read topic %s; it reads: %s", s.Name, named, strings.Join(topics, ", "))
	}
	return named, nil
}

// readsFrom is the offset from which the sync reads the partition next.
func readsFrom(ctx context.Context, client *admin.Client, s *daemon.Sync, group, topic string, partition int32) (int64, error) {
	committed, err := client.Committed(ctx, group)
	starts, other := client.Starts(ctx, topic)
	if err := errors.Join(err, other); err != nil {
		return 0, err
	}
	start, ok := starts.Get(topic, partition)
	if !ok {
		return 0, fmt.Errorf("topic %s has no partition %d", topic, partition)
	}
	at, ok := committed.Get(topic, partition)
	if !ok && s.Start != "" && s.Start != kafka.Earliest {
		return 0, fmt.Errorf("group %s has no offset for %s/%d, and start is %s: run the sync until it stops at the place", group, topic, partition, s.Start)
	}
	return max(at, start), nil
}

// lay decides what is passed over.
func (p *SkipPlan) lay(topic string, o SkipOptions) error {
	b := p.Batch
	if b == nil {
		return fmt.Errorf("group %s is at offset %d of %s/%d, which is its end: there is nothing to step over", p.Group, p.From, topic, o.Partition)
	}
	next := max(p.From, b.First)
	if b.Fault == nil && len(b.Records) > 0 {
		next = b.Records[0].Offset
	}
	p.Whole = b.Fault != nil
	inside := p.Whole && o.Offset >= b.First && o.Offset <= b.Last
	switch {
	case o.Offset < p.From && !inside:
		return fmt.Errorf("group %s has passed offset %d of %s/%d already: it is at %d", p.Group, o.Offset, topic, o.Partition, p.From)
	case !inside && o.Offset != next:
		return fmt.Errorf("group %s is at offset %d of %s/%d: rows before %d would be lost\nrun the sync until it stops there; the next row it reads is %d", p.Group, p.From, topic, o.Partition, o.Offset, next)
	}
	p.write(topic, next)
	return nil
}

// write makes the letter, and knows where the group goes.
func (p *SkipPlan) write(topic string, next int64) {
	b := p.Batch
	if !p.Whole {
		p.To = next + 1
		p.letter = pipeline.Letter{Record: &b.Records[0], Rejection: &pipeline.Rejection{Stage: pipeline.StageDecode, Reason: pipeline.SkippedByOperator}}
		return
	}
	p.To = b.Last + 1
	p.letter = pipeline.Letter{
		Record:    &pipeline.Record{Topic: topic, Partition: b.Partition, Offset: next},
		Rejection: &pipeline.Rejection{Stage: pipeline.StageDecode, Reason: pipeline.UnreadableBatch, Detail: fmt.Sprintf("%d rows up to offset %d: %v", p.Rows(), b.Last, b.Fault)},
	}
}

// Skip writes the dead letter and moves the group behind what is passed over.
func (p *SkipPlan) Skip(ctx context.Context, c *daemon.Config, s *daemon.Sync, o daemon.Options) error {
	w, err := daemon.Wire(c, o)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.EnsureTopics(ctx); err != nil {
		return err
	}
	if err := w.Letters(s, nil).Rows(ctx, []pipeline.Letter{p.letter}); err != nil {
		return err
	}
	to := admin.Offsets{}
	to.Set(p.Batch.Topic, p.Batch.Partition, p.To)
	return w.Admin.SetOffsets(ctx, p.Group, to)
}
