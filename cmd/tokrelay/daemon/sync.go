package daemon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// Sync is one flow. Exactly one of its sinks is set.
type Sync struct {
	Name       string   `yaml:"name" doc:"Name of the sync, in logs, metrics, dead letters and its consumer group."`
	Topic      string   `yaml:"topic" hint:"topic: shop.public.orders; several are topics: [shop.public.orders, shop.public.refunds]" doc:"Source topic."`
	Topics     []string `yaml:"topics" hint:"topics: [shop.public.orders, shop.public.refunds]" doc:"Several source topics."`
	Pattern    string   `yaml:"topic_pattern" also:"pattern,topics_pattern,topic_regex" doc:"Regular expression that source topics match as a whole. Topics that tokrelay writes itself never belong to it."`
	Exclude    []string `yaml:"exclude_topics" doc:"Topics that do not belong to topic_pattern: their names, or regular expressions that match names as a whole."`
	Group      string   `yaml:"group" also:"group_id,group.id,consumer_group" doc:"Consumer group; default: <kafka.group>.<name>."`
	Connection string   `yaml:"connection" doc:"Which of connections; may be left out when there is one."`

	Start      kafka.Start `yaml:"start" enum:"earliest,latest,fail" default:"earliest" doc:"Where the sync's first start begins, while its group has no offset in any of its topics. What appears later is read from its beginning; new topics and partitions are found within 30s."`
	OutOfRange kafka.Start `yaml:"out_of_range" enum:"earliest,latest,fail" doc:"Where to go on when Kafka no longer has the group's offset; default: at the nearest it has, the oldest record or the end."`

	cdc.Config

	On   mapping.On `yaml:"on" hint:"on: {insert: send, update: send, delete: skip}" doc:"Which operations are sent; web events: inserts."`
	When string     `yaml:"when" also:"where,filter,condition,if" hint:"one text, over the row's columns: when: status == \"paid\" && amount > 0" doc:"Condition a row must meet to be sent."`

	RejectedShare router.RejectedShare `yaml:"rejected_share" hint:"rejected_share: {share: 5%, rows: 1000}" doc:"Stops the sync when too many rows are rejected: the mapping is probably wrong."`
	Retry         delivery.Retry       `yaml:"retry" doc:"How calls that failed through no fault of their rows are made again."`

	WebEvents       *events.Config       `yaml:"web_events" doc:"Send rows to the Events API."`
	AudienceSegment *segment.Config      `yaml:"audience_segment" doc:"Keep a custom audience up to date, row by row, through the Segment API."`
	AudienceFile    *audiencefile.Config `yaml:"audience_file" doc:"Replace a custom audience whole, on a schedule, through the File API."`

	advertiser string   // of its connection
	own        []string // topics that tokrelay writes, for any sync
	owners     string   // regular expression of those of streamed audiences
}

var syncName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

func (c *Config) validateSync(s *Sync, seen map[string]bool, at settings.Place) {
	switch {
	case !syncName.MatchString(s.Name):
		at.Key("name").Problem("must be lower-case letters, digits, - and _, at most 63", "the name is used in metrics and in the consumer group")
	case seen[s.Name]:
		at.Key("name").Problem("must be unique", "two syncs of a name would share a consumer group: rename one")
	}
	seen[s.Name] = true
	s.validateTopics(at)
	c.refuseOwnTopics(s, at)
	c.validateConnection(s, at)
	s.Config.Validate(at)
	s.RejectedShare.Validate(at.Key("rejected_share"))
	s.Retry.Validate(at.Key("retry"))
	mapping.CheckCondition(s.When, at.Key("when"))
	s.validateSink(at)
}

func (s *Sync) validateTopics(at settings.Place) {
	var given []string
	for key, is := range map[string]bool{"topic": s.Topic != "", "topics": len(s.Topics) > 0, "topic_pattern": s.Pattern != ""} {
		if is {
			given = append(given, key)
		}
	}
	slices.Sort(given)
	switch {
	case len(given) > 1:
		at.Key(given[1]).Problem("goes without "+given[0], "a sync reads one topic, a list of topics, or those of a pattern: keep one of "+strings.Join(given, " and "))
	case len(given) == 0:
		at.Key("topic").Problem("one of topic, topics and topic_pattern is required", "topic: shop.public.orders")
	}
	for i, topic := range s.AllTopics() {
		place := at.Key("topic")
		if s.Topic == "" {
			place = at.Key("topics").Index(i)
		}
		if !pipeline.IsTopicName(topic) {
			place.Problem("must be a topic's name: letters, digits, points, _ and -, at most 249", "a regular expression goes into topic_pattern")
		}
	}
	if _, err := regexp.Compile(s.Pattern); err != nil {
		at.Key("topic_pattern").Problem("must be a regular expression", err.Error())
	}
	for i, topic := range s.Topics {
		if slices.Contains(s.Topics[:i], topic) {
			at.Key("topics").Index(i).Problem("topic "+topic+" is named twice", "name each topic once")
		}
	}
	s.validateExclude(at.Key("exclude_topics"))
}

func (s *Sync) validateExclude(at settings.Place) {
	if len(s.Exclude) > 0 && s.Pattern == "" {
		at.Problem("goes with topic_pattern alone", "topic and topics name what is read: name no other topic there")
	}
	for i, pattern := range s.Exclude {
		if _, err := regexp.Compile(pattern); err != nil {
			at.Index(i).Problem("must be a topic's name or a regular expression", err.Error())
		}
	}
}

func (c *Config) validateConnection(s *Sync, at settings.Place) {
	if s.Connection == "" && len(c.Connections) > 1 {
		at.Key("connection").Problem("required where there are several connections", "one of "+strings.Join(slices.Sorted(maps.Keys(c.Connections)), ", "))
		return
	}
	if _, ok := c.Connections[s.Connection]; s.Connection != "" && !ok {
		names := slices.Sorted(maps.Keys(c.Connections))
		at.Key("connection").Problem("must name one of connections", cmp.Or(settings.DidYouMean(s.Connection, names), "there is "+strings.Join(names, ", ")))
		return
	}
	if name, connection := c.ConnectionOf(s); s.IsAudience() && name != "" && connection.AdvertiserID == "" {
		at.Problem("an audience needs the advertiser_id of its connection", "set connections."+name+".advertiser_id")
	}
}

// IsAudience reports whether the sync fills an audience: it needs the state topic and an advertiser.
func (s *Sync) IsAudience() bool { return s.Kind() == KindSegment || s.Kind() == KindFile }

// countries are the codes; some may be empty.
func (s *Sync) countries() []string {
	of := func(f *mapping.Field) string {
		if f.Country == nil {
			return ""
		}
		return f.Country.Code + f.Country.Default // only one is set
	}
	switch {
	case s.WebEvents != nil:
		phone := s.WebEvents.Fields["user.phone"]
		return []string{of(&phone.Field)}
	case s.AudienceSegment != nil:
		return []string{of(&s.AudienceSegment.Identifiers.Phone), s.AudienceSegment.DefaultCountry}
	case s.AudienceFile != nil:
		return []string{of(&s.AudienceFile.Identifier.Phone), s.AudienceFile.DefaultCountry}
	}
	return nil
}

// AllTopics are the topics the sync names; a pattern's are known to Kafka alone.
func (s *Sync) AllTopics() []string {
	if s.Topic != "" {
		return []string{s.Topic}
	}
	return s.Topics
}

// SourceTopics are the topics the sync reads now: a pattern's are asked of Kafka, and are a *NoTopic when there are none.
func (s *Sync) SourceTopics(ctx context.Context, client *admin.Client) ([]string, error) {
	if s.Pattern == "" {
		return s.AllTopics(), nil
	}
	topics, err := client.Matching(ctx, s.Pattern, s.excluded()...)
	if err == nil && len(topics) == 0 {
		err = &NoTopic{Sync: s.Name, Pattern: s.Pattern}
	}
	return topics, err
}

// NoTopic reports that the sync's pattern matches no topic: it reads nothing.
type NoTopic struct{ Sync, Pattern string }

func (e *NoTopic) Error() string {
	return fmt.Sprintf("sync %s: no topic matches topic_pattern %s (less exclude_topics and our own topics), so there is nothing to read: create the topic, or correct the pattern; it has to match the whole name", e.Sync, e.Pattern)
}

// Source names what the sync reads, for people.
func (s *Sync) Source() string {
	return cmp.Or(s.Topic, s.Pattern, strings.Join(s.Topics, ","))
}
