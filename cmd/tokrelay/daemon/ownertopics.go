package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// fewestParts is the least number of partitions of an audience's topics: it never changes, and bounds how many instances may share
// the audience.
const fewestParts = 12

// ownersPrefix begins the names of the topics and groups of the audience that a sync streams to: all syncs that fill the audience
// of an id share them. id is the audience's at the sync's first advertiser; "" where rows name audiences, of which each sync has its
// own.
func (c *Config) ownersPrefix(s *Sync, id string) string {
	if s.AudienceSegment.Audience.Row != nil {
		return c.Kafka.Group + ".audiences." + s.Name
	}
	return c.Kafka.Group + ".audience." + id
}

// ownersPattern matches the topics of all audiences, of any configuration of the group.
func (c *Config) ownersPattern() string { return regexp.QuoteMeta(c.Kafka.Group) + `\.audiences?\..*` }

// audienceOf is the ownersPrefix of a sync's audience, as far as the store tells which it is; false for other syncs, and before the
// audience was found.
func (c *Config) audienceOf(store *state.Store, s *Sync) (prefix string, ok bool) {
	if s.Kind() != KindSegment || store == nil {
		return "", false
	}
	document, _ := store.Get(audience.Key(s.Name, ""))
	b, err := audience.ParseBinding(document)
	id := b.IDs[s.Advertisers()[0]]
	return c.ownersPrefix(s, id), err == nil && b.Mode != "" && b.Mode != audience.File && (id != "" || s.AudienceSegment.Audience.Row != nil)
}

// madeTopics are the topics of a sync's audience as the state topic remembers them, by name: one of another id is another topic, and
// what the audience's memory was is lost with the first. A full resync forgets it.
type madeTopics struct {
	IDs map[string]string `json:"topics,omitempty"`
}

// ensureOwners makes sure of the topics of a sync's audience. The rows topic is made first: how many partitions it has decides for all,
// also where several instances make them.
func (w *Wiring) ensureOwners(ctx context.Context, s *Sync, prefix string) (owners.Topics, error) {
	t := owners.NewTopics(prefix, 0)
	there, err := w.lookForLost(ctx, s, t)
	if err != nil {
		return t, err
	}
	if err := w.ensure(ctx, w.Config.DeadLetter.Create, ownerTopic(t.Rows, t, w.partsFor(ctx, s, there))); err != nil {
		return t, err
	}
	if there, err = w.known(ctx, t.Rows); err != nil {
		return t, err
	}
	parts := there[t.Rows].Partitions
	t.Parts = int32(parts)
	if err := w.ensure(ctx, w.Config.DeadLetter.Create, ownerTopic(t.Members, t, parts), ownerTopic(t.Claims, t, parts)); err != nil {
		return t, err
	}
	return t, w.noteOwners(ctx, s, t)
}

// known are topics that were just made, once brokers know them.
func (w *Wiring) known(ctx context.Context, names ...string) (map[string]admin.Topic, error) {
	there, err := w.Admin.Await(ctx, names...)
	if err == nil && len(there) < len(names) {
		err = fmt.Errorf("topics %s were just made, and brokers do not know them yet", strings.Join(names, ", "))
	}
	return there, err
}

// ownerTopic is one of an audience's topics as it has to be. Rows are purged once they were handled, never by time.
func ownerTopic(name string, t owners.Topics, parts int) admin.Wanted {
	if name == t.Rows {
		return admin.Wanted{Name: name, Partitions: parts, Retention: admin.Forever, MaxMessageBytes: kafka.BatchBytes}
	}
	return admin.Wanted{Name: name, Partitions: parts, Compact: true, MaxMessageBytes: kafka.BatchBytes}
}

// warnOfLost says that a sync has read rows though its audience has no topics, and it is not known that it ever had any.
func (w *Wiring) warnOfLost(ctx context.Context, s *Sync, prefix string) {
	t := owners.NewTopics(prefix, 0)
	there, err := w.Admin.Topics(ctx, t.Rows, t.Members, t.Claims)
	if err == nil && len(there) == 0 && len(w.madeTopics(s).IDs) == 0 && w.hasRead(ctx, s) {
		w.Log.Error("rows were read, and the audience has no topics: if they were deleted, what members had is unknown, and is not taken out of the audience; stop all instances and run tokrelay resync --sync "+s.Name,
			"sync", s.Name, "topics", prefix)
	}
}

// hasRead reports whether a sync has read rows. What cannot be asked now is not a reason to say so.
func (w *Wiring) hasRead(ctx context.Context, s *Sync) bool {
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

// OwnersWanted are the topics of a sync's audience as they have to be, as far as the store tells which it is.
func (c *Config) OwnersWanted(store *state.Store, s *Sync) (list []admin.Wanted) {
	prefix, ok := c.audienceOf(store, s)
	if !ok {
		return nil
	}
	t := owners.NewTopics(prefix, 0)
	for _, name := range []string{t.Rows, t.Members, t.Claims} {
		list = append(list, ownerTopic(name, t, fewestParts))
	}
	return list
}

// partsFor is how many partitions an audience's topics get: those of the ones that are there, else as many as the largest source
// topic has.
func (w *Wiring) partsFor(ctx context.Context, s *Sync, there map[string]admin.Topic) int {
	parts := fewestParts
	for _, t := range there {
		return t.Partitions
	}
	names, err := s.SourceTopics(ctx, w.Admin)
	if err != nil {
		return parts // no topic matches its pattern yet
	}
	sources, err := w.Admin.Topics(ctx, names...)
	if err != nil {
		return parts // its reading says why
	}
	for _, t := range sources {
		parts = max(parts, t.Partitions)
	}
	return parts
}

// A topic counts as lost once it was missed so often: a broker, or what the client remembers of its answers, may be some seconds late.
const (
	lostAfter = 4
	lostEvery = 3 * time.Second
)

// lookForLost are the topics of a sync's audience that are there. One that was, and is not any more, is a trouble that stays until a
// full resync.
func (w *Wiring) lookForLost(ctx context.Context, s *Sync, t owners.Topics) (map[string]admin.Topic, error) {
	for look := 1; ; look++ {
		there, err := w.Admin.Topics(ctx, t.Rows, t.Members, t.Claims)
		if err != nil {
			return nil, err
		}
		lost := w.madeTopics(s).lost(there)
		if len(lost) == 0 {
			return there, nil
		}
		if look == lostAfter {
			return nil, lostTopics(s.Name, lost)
		}
		if err := pipeline.Wait(ctx, lostEvery); err != nil {
			return nil, err
		}
	}
}

// lost are those that are not there, or are others by now.
func (m madeTopics) lost(there map[string]admin.Topic) (names []string) {
	for name, id := range m.IDs {
		now, is := there[name]
		if !is || id != "" && now.ID != "" && now.ID != id {
			names = append(names, name)
		}
	}
	return names
}

func lostTopics(sync string, lost []string) *pipeline.Trouble {
	slices.Sort(lost)
	return &pipeline.Trouble{Kind: pipeline.TroubleState, Stop: true, What: "topic " + strings.Join(lost, ", topic ") +
		" was deleted, and with it what is remembered of the audience's members: those who leave would stay in the audience; stop all instances and run tokrelay resync --sync " + sync}
}

func (w *Wiring) madeTopics(s *Sync) (was madeTopics) {
	if document, ok := w.State.Get(audience.MembersKey(s.Name)); ok {
		_ = json.Unmarshal(document, &was) // earlier versions noted no topics
	}
	return was
}

// noteOwners has it remembered which topics the audience's are, once all three have as many partitions.
func (w *Wiring) noteOwners(ctx context.Context, s *Sync, t owners.Topics) error {
	there, err := w.known(ctx, t.Rows, t.Members, t.Claims)
	if err != nil {
		return err
	}
	now := madeTopics{map[string]string{}}
	for _, name := range []string{t.Rows, t.Members, t.Claims} {
		topic := there[name]
		if topic.Partitions != int(t.Parts) {
			return &pipeline.Trouble{Kind: pipeline.TroubleState, Stop: true, What: fmt.Sprintf("topic %s has %d partitions and topic %s has %d: an audience's topics have equally many, "+
				"for the number says where each row is remembered; stop all instances, delete the three topics and run tokrelay resync --sync %s", name, topic.Partitions, t.Rows, t.Parts, s.Name)}
		}
		if most := topic.MaxMessageBytes; most > 0 && most < kafka.BatchBytes {
			return &pipeline.Trouble{Kind: pipeline.TroubleState, Stop: true, What: fmt.Sprintf("topic %s takes at most %d bytes at once, which is too little for what an audience writes: "+
				"set its max.message.bytes to %d or more (kafka-configs.sh --alter); the sync goes on by itself then", name, most, kafka.BatchBytes)}
		}
		now.IDs[name] = topic.ID
	}
	document, _ := json.Marshal(now) // texts always encode
	if was, ok := w.State.Get(audience.MembersKey(s.Name)); ok && string(was) == string(document) {
		return nil
	}
	return w.State.Put(ctx, audience.MembersKey(s.Name), document)
}

// watchOwners returns once topics of the audience are lost, or ctx ends. What cannot be asked now is asked again.
func (w *Wiring) watchOwners(ctx context.Context, s *Sync, t owners.Topics) (lost *pipeline.Trouble) {
	for pipeline.Wait(ctx, ownEvery) == nil {
		_, err := w.lookForLost(ctx, s, t)
		if trouble, is := errors.AsType[*pipeline.Trouble](err); is {
			return trouble
		}
	}
	return nil
}

// transacts is the trouble of a cluster in which no audience can be streamed to.
func (w *Wiring) transacts(ctx context.Context, s *Sync) error {
	why, err := w.Admin.MayTransact(ctx, w.Config.GroupOf(s)+".check")
	if err != nil || why == "" {
		return err
	}
	return &pipeline.Trouble{Kind: pipeline.TroubleKafka, Stop: true, What: "audiences are streamed with Kafka's transactions, and " + why}
}
