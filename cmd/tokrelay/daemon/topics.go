package daemon

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// AwaitTopics waits for Kafka, however long, and makes sure of what all syncs need: the topics of dead letters and of outcomes. What one
// of them needs is left to AwaitMemory.
func (w *Wiring) AwaitTopics(ctx context.Context) error {
	all := w.syncNames()
	if err := w.insist(ctx, all, pipeline.TroubleKafka, w.Admin.Ping); err != nil {
		return nil // ctx ended
	}
	var refused error                                                               // a topic is missing and the configuration forbids to create it: that is hopeless
	_ = w.insist(ctx, all, pipeline.TroubleKafka, func(ctx context.Context) error { // the caller sees ctx's end
		trouble := w.EnsureTopics(ctx)
		if missing, ok := errors.AsType[*admin.MissingTopic](trouble); ok {
			refused = missing
			return nil
		}
		return trouble
	})
	return refused
}

func (w *Wiring) syncNames() []string {
	names := make([]string, len(w.Config.Syncs))
	for i := range w.Config.Syncs {
		names[i] = w.Config.Syncs[i].Name
	}
	return names
}

// insist tries until it works, and names in the status what the syncs wait for. It fails only when ctx ends.
func (w *Wiring) insist(ctx context.Context, syncs []string, kind pipeline.TroubleKind, do func(context.Context) error) error {
	const source = "start"
	defer func() {
		for _, name := range syncs {
			w.Status.Clear(name, source)
		}
	}()
	backoff := pipeline.Backoff{First: time.Second, Most: 30 * time.Second}
	for tries := 0; ; tries++ {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		trouble, is := errors.AsType[*pipeline.Trouble](err)
		if !is {
			trouble = &pipeline.Trouble{Kind: kind, What: err.Error()}
		}
		for _, name := range syncs {
			w.Status.Set(name, source, trouble)
		}
		if err := backoff.Wait(ctx, tries); err != nil {
			return err
		}
	}
}

// EnsureTopics makes sure of the topics of dead letters and of outcomes, and learns how many partitions they have.
func (w *Wiring) EnsureTopics(ctx context.Context) error {
	wanted, err := w.letterTopics(ctx)
	if err == nil {
		err = w.ensure(ctx, w.Config.DeadLetter.Create, wanted...)
	}
	if err != nil {
		return err
	}
	there, err := w.Admin.Topics(ctx, wanted[0].Name, wanted[1].Name)
	if err != nil {
		return err
	}
	partitions := map[string]int{}
	for _, t := range wanted { // a topic just made may not be known everywhere yet
		partitions[t.Name] = cmp.Or(there[t.Name].Partitions, t.Partitions)
	}
	w.partitions.Store(&partitions)
	return w.EnsureOutcomes(ctx)
}

// partitionsOf is how many partitions a topic of our own has; 0 while that is not known.
func (w *Wiring) partitionsOf(topic string) int {
	if known := w.partitions.Load(); known != nil {
		return (*known)[topic]
	}
	return 0
}

// EnsureState makes sure of the topic that remembers audiences.
func (w *Wiring) EnsureState(ctx context.Context) error {
	return w.ensure(ctx, w.Config.DeadLetter.Create, admin.Wanted{Name: w.Config.StateTopic, Partitions: 1, Compact: true})
}

// ensure makes sure of topics of our own, which have as many replicas as the configuration says, and creates them where
// it may.
func (w *Wiring) ensure(ctx context.Context, create bool, wanted ...admin.Wanted) error {
	for i := range wanted {
		wanted[i].Replication = w.Config.DeadLetter.Replication
	}
	warnings, err := w.Admin.EnsureTopics(ctx, create, wanted...)
	for _, text := range warnings {
		w.Log.Warn(text)
	}
	return err
}

// LettersExtra is what headers may add to a row in the rejected topic.
const LettersExtra = 64 << 10

// letterTopics are the topics of dead letters as they have to be. The rejected topic has as many partitions as the largest
// source topic, so that the order per key survives, and takes its largest record.
func (w *Wiring) letterTopics(ctx context.Context) ([]admin.Wanted, error) {
	c := w.Config.DeadLetter
	rejected := admin.Wanted{Name: c.RejectedTopic, Partitions: c.Partitions, Retention: c.Retention.Std()}
	for i := range w.Config.Syncs {
		topics, err := w.Config.Syncs[i].SourceTopics(ctx, w.Admin)
		if _, none := errors.AsType[*NoTopic](err); err != nil && !none {
			return nil, err
		}
		sources, err := w.Admin.Topics(ctx, topics...)
		if err != nil && !kafka.Denied(err) { // its sync reports that itself, and alone
			return nil, err
		}
		for _, t := range sources {
			rejected.Partitions = cmp.Or(c.Partitions, max(rejected.Partitions, t.Partitions, 3))
			if t.MaxMessageBytes > 0 {
				rejected.MaxMessageBytes = max(rejected.MaxMessageBytes, t.MaxMessageBytes+LettersExtra)
			}
		}
	}
	return []admin.Wanted{rejected, {Name: c.FailedTopic, Partitions: 1, Retention: c.Retention.Std()}}, nil
}
