package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// survey is what Kafka says of topics before partitions of them are read.
type survey struct {
	bounds bounds
	ids    map[string]string    // "" where the broker gives none
	notes  kadm.OffsetResponses // the group's offsets, in any topic
}

func (c *Consumer) survey(ctx context.Context, of map[string]map[int32]kgo.Offset) (*survey, error) {
	topics := map[string]bool{}
	for topic := range of {
		topics[topic] = true
	}
	details, err := Describe(ctx, c.client, sortedKeys(topics)...)
	if err != nil {
		return nil, err
	}
	s := &survey{ids: map[string]string{}}
	for topic, d := range details {
		s.ids[topic] = TopicID(d.ID)
	}
	if s.notes, err = c.groupOffsets(ctx); err != nil {
		return nil, err
	}
	s.bounds, _ = c.bounds(ctx, topics) // what the group has offsets for goes on without: a leader may be away
	return s, nil
}

// Describe is what Kafka says of topics.
func Describe(ctx context.Context, client *kgo.Client, topics ...string) (kadm.TopicDetails, error) {
	adm := kadm.NewClient(client)
	details, err := adm.ListTopics(ctx, topics...)
	if err != nil {
		err = fmt.Errorf("describe topics: %w", LackingOn(err, "Describe", topics, func(topic string) error {
			_, err := adm.ListTopics(ctx, topic)
			return err
		}))
	}
	return details, err
}

// groupOffsets are the group's offsets in any topic.
func (c *Consumer) groupOffsets(ctx context.Context) (kadm.OffsetResponses, error) {
	notes, err := kadm.NewClient(c.client).FetchOffsets(ctx, c.opts.Group)
	if err != nil {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", c.opts.Group, Lacking(err, "Describe", "group "+c.opts.Group))
	}
	return notes, nil
}

// note is what the group has committed for a partition, if anything: with its metadata, or at least what the client has
// been told.
func (s *survey) note(p topicPartition, client kgo.Offset) (kadm.Offset, bool) {
	if r, ok := s.notes.Lookup(p.topic, p.id); ok && r.Err == nil && r.At >= 0 {
		return r.Offset, true
	}
	at := client.EpochOffset()
	return kadm.Offset{At: at.Offset, LeaderEpoch: at.Epoch}, at.Offset >= 0
}

// otherTopic reports whether an offset was committed for an earlier topic of the name. Offsets without a topic's id, by
// other tools or from brokers that have none, are trusted.
func (s *survey) otherTopic(topic, note string) bool {
	id, ok := TopicOf(note)
	return ok && s.ids[topic] != "" && id != s.ids[topic]
}

// sameTopic reports whether an offset carries the topic's id, or cannot.
func (s *survey) sameTopic(topic, note string) bool {
	id, _ := TopicOf(note)
	return id == s.ids[topic]
}

func sortedKeys(of map[string]bool) []string { return slices.Sorted(maps.Keys(of)) }
