package daemon

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// AwaitTopics waits for Kafka, however long, and makes sure of what all syncs need: the topics of dead letters. What one
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

// awaitMemory makes sure of the topics that remember a sync's audience, however long it takes, and reads them. The other
// syncs do not wait for it. members is nil where none are remembered.
func (w *Wiring) awaitMemory(ctx context.Context, s *Sync, members *state.Members) error {
	alone := []string{s.Name}
	err := w.insist(ctx, alone, pipeline.TroubleKafka, func(ctx context.Context) error { return w.ensureMemory(ctx, s) })
	if err == nil {
		err = w.insist(ctx, alone, pipeline.TroubleState, w.State.Refresh)
	}
	if err == nil && members != nil {
		err = w.insist(ctx, alone, pipeline.TroubleState, members.Restore)
	}
	if err == nil && members != nil {
		err = w.insist(ctx, alone, pipeline.TroubleState, func(ctx context.Context) error { return w.findLost(ctx, s, members) })
	}
	return err
}

// findLost is the trouble of a sync whose topic of members was lost: members were remembered, and it has no record. Where that is not
// certain, for instance while no row has been a member's, the log says it.
func (w *Wiring) findLost(ctx context.Context, s *Sync, members *state.Members) error {
	if members.Len() > 0 || !w.hasForgotten(ctx, s) {
		return w.noteMembers(ctx, s, members)
	}
	const what, cure = "rows were read, and the topic of members has no record", "stop all instances and run tokrelay resync --sync "
	if _, remembered := w.State.Get(audience.MembersKey(s.Name)); remembered && !w.options.Replay {
		return &pipeline.Trouble{Kind: pipeline.TroubleState, Stop: true, What: "topic " + w.Config.MembersTopic(s) + " was lost: " + what +
			" of them any more, so those who leave would stay in the audience; " + cure + s.Name}
	}
	w.Log.Error(what+": if it was deleted, what members had is unknown, and is not taken out of the audience; "+cure+"NAME",
		"sync", s.Name, "topic", w.Config.MembersTopic(s))
	return nil
}

// noteMembers has it remembered that members are.
func (w *Wiring) noteMembers(ctx context.Context, s *Sync, members *state.Members) error {
	key := audience.MembersKey(s.Name)
	if _, noted := w.State.Get(key); noted || members.Len() == 0 {
		return nil
	}
	return w.State.Put(ctx, key, []byte("{}"))
}

// hasForgotten reports whether a sync has read rows, and nothing was ever written to its topic of members. What cannot be asked
// now is not a reason to say so.
func (w *Wiring) hasForgotten(ctx context.Context, s *Sync) bool {
	topic := w.Config.MembersTopic(s)
	ends, err := w.Admin.Ends(ctx, topic)
	for _, end := range ends[topic] {
		if end > 0 {
			return false
		}
	}
	if err != nil {
		return false
	}
	read, err := w.Admin.Committed(ctx, w.Config.GroupOf(s))
	if err != nil {
		return false
	}
	starts, err := w.Admin.Starts(ctx, slices.Collect(maps.Keys(read))...)
	if err != nil {
		return false
	}
	for source, partitions := range read {
		for id, at := range partitions {
			if from, ok := starts.Get(source, id); ok && at > from {
				return true
			}
		}
	}
	return false
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

// EnsureTopics makes sure of the topics of dead letters, and learns how many partitions they have.
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
	return nil
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
	return w.ensure(ctx, w.Config.DeadLetter.Create, w.Config.memoryTopics(nil)...)
}

func (w *Wiring) ensureMemory(ctx context.Context, s *Sync) error {
	return w.ensure(ctx, w.Config.DeadLetter.Create, w.Config.memoryTopics(s)...)
}

// memoryTopics remember a sync's audience; nil for what all audiences have.
func (c *Config) memoryTopics(s *Sync) []admin.Wanted {
	topics := []admin.Wanted{{Name: c.StateTopic, Partitions: 1, Compact: true}}
	if s != nil && s.Remembers() {
		topics = append(topics, admin.Wanted{Name: c.MembersTopic(s), Compact: true})
	}
	return topics
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
		if err != nil && !admin.Denied(err) { // its sync reports that itself, and alone
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
