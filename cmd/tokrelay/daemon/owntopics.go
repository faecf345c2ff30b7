package daemon

import (
	"regexp"
	"slices"

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
	list := slices.Clone(s.Exclude)
	for _, name := range s.own {
		list = append(list, regexp.QuoteMeta(name))
	}
	return list
}
