package daemon

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// ownTopic is a topic that tokrelay writes. A sync that read one would read what it makes of it, without end.
type ownTopic struct {
	name string
	what string         // "state_topic"
	at   settings.Place // where the configuration names it
}

// ownTopics are all topics that this configuration has tokrelay write: no sync reads any of them. A new kind of topic
// has to be listed here. at is the whole configuration, or the zero Place where nothing is reported.
func (c *Config) ownTopics(at settings.Place) []ownTopic {
	letters := c.DeadLetter
	own := []ownTopic{
		{letters.RejectedTopic, "dead_letter.rejected_topic", at.Key("dead_letter").Key("rejected_topic")},
		{letters.FailedTopic, "dead_letter.failed_topic", at.Key("dead_letter").Key("failed_topic")},
		{c.StateTopic, "state_topic", at.Key("state_topic")},
	}
	if c.Outcomes.Enabled {
		own = append(own, ownTopic{c.Outcomes.Topic, "outcomes.topic", at.Key("outcomes").Key("topic")})
	}
	if c.Calls.Topic != "" {
		own = append(own, ownTopic{c.Calls.Topic, "calls.topic", at.Key("calls").Key("topic")})
	}
	for i := range c.Syncs {
		if s := &c.Syncs[i]; s.Kind() == KindSegment {
			own = append(own, ownTopic{c.MembersTopic(s), "the members topic of sync " + s.Name, at.Key("syncs").Index(i).Key("group")})
		}
	}
	return own
}

func (c *Config) ownNames() (names []string) {
	for _, t := range c.ownTopics(settings.Place{}) {
		names = append(names, t.name)
	}
	return names
}

// keptNames are those that are made again when they were deleted. Topics of audiences cannot be made again with what they held, and
// where earlier versions remembered members may go once it was taken over.
func (c *Config) keptNames() []string {
	names := []string{c.DeadLetter.RejectedTopic, c.DeadLetter.FailedTopic, c.StateTopic}
	if c.Outcomes.Enabled {
		names = append(names, c.Outcomes.Topic)
	}
	if c.Calls.Topic != "" {
		names = append(names, c.Calls.Topic)
	}
	return names
}

// validateOwnTopics reports a topic that would hold two things. That the dead letters' two are different is checked by
// their own Validate.
func (c *Config) validateOwnTopics(at settings.Place) {
	own := c.ownTopics(at)
	for i, t := range own[2:] {
		same := slices.IndexFunc(own[:i+2], func(o ownTopic) bool { return o.name == t.name })
		if same >= 0 {
			t.at.Problem("must be a topic of its own", t.what+" would be "+own[same].what+", too")
		}
	}
}

// refuseOwnTopics reports topics of our own that the sync names as its source. A pattern leaves them out by itself.
func (c *Config) refuseOwnTopics(s *Sync, at settings.Place) {
	own := c.ownTopics(settings.Place{})
	refuse := func(name string, at settings.Place) {
		if i := slices.IndexFunc(own, func(t ownTopic) bool { return t.name == name }); i >= 0 {
			at.Problem("must not be a topic that tokrelay writes itself", "it is "+own[i].what+": name the topic that the table's changes are in")
		} else if matched, _ := regexp.MatchString("^(?:"+c.ownersPattern()+")$", name); matched { // the pattern is ours
			at.Problem("must not be a topic that tokrelay writes itself", "it is one of a streamed audience: name the topic that the table's changes are in")
		}
	}
	refuse(s.Topic, at.Key("topic"))
	for i, name := range s.Topics {
		refuse(name, at.Key("topics").Index(i))
	}
}

// excluded are regular expressions of the topics that do not belong to the sync's pattern: those the configuration leaves
// out, and our own.
func (s *Sync) excluded() []string {
	list := append(slices.Clone(s.Exclude), s.owners)
	for _, name := range s.own {
		list = append(list, regexp.QuoteMeta(name))
	}
	return list
}

// remake makes a topic of our own again that was deleted. Where it may not, the error is a *admin.MissingTopic.
func (w *Wiring) remake(ctx context.Context, topic string) error {
	c := w.Config
	switch topic {
	case c.DeadLetter.RejectedTopic, c.DeadLetter.FailedTopic:
		return w.EnsureTopics(ctx)
	case c.StateTopic:
		return w.EnsureState(ctx)
	case c.Outcomes.Topic:
		return w.EnsureOutcomes(ctx)
	case c.Calls.Topic:
		return w.ensureCalls(ctx)
	}
	return fmt.Errorf("topic %s was deleted, and cannot be made again with what it held", topic)
}

// ownEvery is how often our own topics are looked at. One that is written to is missed sooner.
const ownEvery = 10 * time.Second

// keepTopics has our own topics made again that are deleted while the daemon runs, and what they remember written to them,
// until ctx ends.
func (d *Daemon) keepTopics(ctx context.Context) {
	seen, said := map[string]string{}, map[string]bool{}
	for {
		there, err := d.Wiring.Admin.Topics(ctx, d.Wiring.Config.keptNames()...)
		if err == nil { // else the syncs say so
			d.lookAtOwn(ctx, there, seen, said)
		}
		if pipeline.Wait(ctx, ownEvery) != nil {
			return
		}
	}
}

// lookAtOwn compares the topics that are there with those seen before, by their ids.
func (d *Daemon) lookAtOwn(ctx context.Context, there map[string]admin.Topic, seen map[string]string, said map[string]bool) {
	w := d.Wiring
	for _, name := range w.Config.keptNames() {
		id, was := seen[name]
		now, is := there[name]
		switch {
		case !is && !was: // not made yet: what needs it makes it
		case is && (!was || id == now.ID):
			seen[name], said[name] = now.ID, false
		case is || w.remade(ctx, name, said):
			if d.remember(ctx, name) == nil {
				delete(seen, name) // the next look sees the new one
			}
		}
	}
}

// remade reports whether a topic that was deleted is there again, and says once why not.
func (w *Wiring) remade(ctx context.Context, topic string, said map[string]bool) bool {
	err := w.remake(ctx, topic)
	if err == nil {
		w.Log.Warn("topic was deleted, and is made again", "topic", topic)
	} else if !said[topic] && ctx.Err() == nil {
		w.Log.Error("topic was deleted; what needs it waits", "topic", topic, "error", err)
		said[topic] = true
	}
	return err == nil
}

// remember has what a topic remembers written to the one that took its place.
func (d *Daemon) remember(ctx context.Context, topic string) (err error) {
	if topic == d.Wiring.Config.StateTopic {
		err = d.Wiring.State.Refresh(ctx)
	}
	return err
}
