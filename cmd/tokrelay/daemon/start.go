package daemon

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/router"
)

// prepare waits for Kafka, however long, and makes sure of what all syncs need: the topics of dead letters. What only one
// of them needs is left to begin.
func (d *Daemon) prepare(ctx context.Context) error {
	all := d.syncNames()
	if err := d.insist(ctx, all, pipeline.TroubleKafka, d.admin.Ping); err != nil {
		return nil // ctx ended
	}
	var refused error                                                               // a topic is missing and the configuration forbids to create it: that is hopeless
	_ = d.insist(ctx, all, pipeline.TroubleKafka, func(ctx context.Context) error { // the caller sees ctx's end
		trouble := d.ensureTopics(ctx)
		if missing, ok := errors.AsType[*kafka.MissingTopic](trouble); ok {
			refused = missing
			return nil
		}
		return trouble
	})
	return refused
}

func (d *Daemon) syncNames() []string {
	names := make([]string, len(d.Config.Syncs))
	for i := range d.Config.Syncs {
		names[i] = d.Config.Syncs[i].Name
	}
	return names
}

// begin makes sure of what one sync needs beside that, however long it takes: the topics that remember its audience are
// there, and read. The other syncs do not wait for it.
func (d *Daemon) begin(ctx context.Context, s *Sync) error {
	if !s.IsAudience() {
		return nil
	}
	alone := []string{s.Name}
	err := d.insist(ctx, alone, pipeline.TroubleKafka, func(ctx context.Context) error { return d.ensureMemory(ctx, s) })
	for _, restore := range d.memory(s) {
		if err == nil {
			err = d.insist(ctx, alone, pipeline.TroubleState, restore)
		}
	}
	return err
}

// after is a source that waits until its sync may begin.
func (d *Daemon) after(s *Sync, source router.Source) router.Source {
	return func(ctx context.Context, offer router.Offer) error {
		if d.begin(ctx, s) != nil {
			return nil // ctx ended
		}
		return source(ctx, offer)
	}
}

// memory reads what is remembered of a sync's audience.
func (d *Daemon) memory(s *Sync) []func(context.Context) error {
	list := []func(context.Context) error{d.state.Refresh}
	if parts := d.segments[s.Name]; parts != nil && parts.members != nil {
		list = append(list, parts.members.Restore)
	}
	return list
}

// insist tries until it works, and says in the status what the syncs wait for. It fails only when ctx ends.
func (d *Daemon) insist(ctx context.Context, syncs []string, kind pipeline.TroubleKind, do func(context.Context) error) error {
	const source = "start"
	defer func() {
		for _, name := range syncs {
			d.Status.Clear(name, source)
		}
	}()
	backoff := pipeline.Backoff{First: time.Second, Most: 30 * time.Second}
	for tries := 0; ; tries++ {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		for _, name := range syncs {
			d.Status.Set(name, source, &pipeline.Trouble{Kind: kind, What: err.Error()})
		}
		if err := backoff.Wait(ctx, tries); err != nil {
			return err
		}
	}
}

// ensureTopics makes sure that the topics of dead letters are there, and learns how many partitions they have.
func (d *Daemon) ensureTopics(ctx context.Context) error {
	wanted, err := d.letterTopics(ctx)
	if err == nil {
		err = d.ensure(ctx, wanted...)
	}
	if err != nil {
		return err
	}
	there, err := d.admin.Topics(ctx, wanted[0].Name, wanted[1].Name)
	if err != nil {
		return err
	}
	partitions := map[string]int{}
	for _, w := range wanted { // a topic just made may not be known everywhere yet
		partitions[w.Name] = cmp.Or(there[w.Name].Partitions, w.Partitions)
	}
	d.partitions.Store(&partitions)
	return nil
}

// ensureMemory makes sure of the topics that remember a sync's audience.
func (d *Daemon) ensureMemory(ctx context.Context, s *Sync) error {
	wanted := []kafka.Wanted{d.Config.stateTopic()}
	if parts := d.segments[s.Name]; parts != nil && parts.members != nil {
		wanted = append(wanted, kafka.Wanted{Name: d.Config.MembersTopic(s), Compact: true})
	}
	return d.ensure(ctx, wanted...)
}

func (d *Daemon) ensure(ctx context.Context, wanted ...kafka.Wanted) error {
	return d.ensureIf(ctx, d.Config.DeadLetter.Create, wanted...)
}

// ensureIf makes sure of topics of our own, which have as many replicas as the configuration says, and creates them where
// it may.
func (d *Daemon) ensureIf(ctx context.Context, create bool, wanted ...kafka.Wanted) error {
	return d.Config.ensureIf(ctx, d.admin, d.Log, create, wanted...)
}

func (c *Config) ensureIf(ctx context.Context, admin *kafka.Admin, log *slog.Logger, create bool, wanted ...kafka.Wanted) error {
	for i := range wanted {
		wanted[i].Replication = c.DeadLetter.Replication
	}
	warnings, err := admin.EnsureTopics(ctx, create, wanted...)
	for _, w := range warnings {
		log.Warn(w)
	}
	return err
}

// EnsureState makes sure of the topic that remembers audiences.
func (c *Config) EnsureState(ctx context.Context, admin *kafka.Admin, log *slog.Logger) error {
	return c.ensureIf(ctx, admin, log, c.DeadLetter.Create, c.stateTopic())
}

func (c *Config) stateTopic() kafka.Wanted {
	return kafka.Wanted{Name: c.StateTopic, Partitions: 1, Compact: true}
}

// LettersExtra is what headers may add to a row in the rejected topic.
const LettersExtra = 64 << 10

// letterTopics are the topics of dead letters as they have to be. The rejected topic has as many partitions as the largest
// source topic, so that the order per key survives, and takes its largest record.
func (d *Daemon) letterTopics(ctx context.Context) ([]kafka.Wanted, error) {
	c := d.Config.DeadLetter
	rejected := kafka.Wanted{Name: c.RejectedTopic, Partitions: c.Partitions, Retention: c.Retention.Std()}
	for i := range d.Config.Syncs {
		topics, err := d.Config.Syncs[i].SourceTopics(ctx, d.admin)
		if _, none := errors.AsType[*NoTopic](err); err != nil && !none {
			return nil, err
		}
		sources, err := d.admin.Topics(ctx, topics...)
		if err != nil && !kafka.Denied(err) { // its sync says so itself, and alone
			return nil, err
		}
		for _, t := range sources {
			rejected.Partitions = cmp.Or(c.Partitions, max(rejected.Partitions, t.Partitions, 3))
			if t.MaxMessageBytes > 0 {
				rejected.MaxMessageBytes = max(rejected.MaxMessageBytes, t.MaxMessageBytes+LettersExtra)
			}
		}
	}
	return []kafka.Wanted{rejected, {Name: c.FailedTopic, Partitions: 1, Retention: c.Retention.Std()}}, nil
}
