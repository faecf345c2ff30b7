package kafka

import (
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicNote comes before a topic's id in the metadata of an offset.
const topicNote = "topic-id="

// noteTopics has every offset carry the id of the topic that it was read from: one that is created again under the name
// has another id, and the offset means nothing in it. ids are those that partitions began with. The request's own are not
// asked: the client may have learnt of the new topic by now, though what it commits is the old one's.
func noteTopics(ids map[topicPartition]string) func(*kmsg.OffsetCommitRequest) error {
	return func(r *kmsg.OffsetCommitRequest) error {
		for _, t := range r.Topics {
			for i := range t.Partitions {
				if id := ids[topicPartition{t.Topic, t.Partitions[i].Partition}]; id != "" { // "": a broker before 2.8
					t.Partitions[i].Metadata = new(topicNote + id)
				}
			}
		}
		return nil
	}
}

// TopicOf is the id of the topic that an offset was committed for, where its metadata has one.
func TopicOf(metadata string) (string, bool) { return strings.CutPrefix(metadata, topicNote) }

// TopicID is a topic's id as text; "" where the broker gives none.
func TopicID(id kadm.TopicID) string {
	if id == (kadm.TopicID{}) {
		return ""
	}
	return id.String()
}

// topicSet collects topics between two ticks.
type topicSet struct {
	mu     sync.Mutex
	topics map[string]bool
}

func (s *topicSet) add(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics == nil {
		s.topics = map[string]bool{}
	}
	s.topics[topic] = true
}

func (s *topicSet) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	topics := sortedKeys(s.topics)
	clear(s.topics)
	return topics
}

// noteRefused has topics of the sync read again whose id Kafka does not know: they were deleted, and the client may hold the old id for
// half a minute, though the partitions began with the new one.
func (c *Consumer) noteRefused(answer *kmsg.OffsetCommitResponse) {
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == kerr.UnknownTopicID.Code && c.ours(t.Topic) {
				c.recreated.add(t.Topic)
			}
		}
	}
}

// noteRecreated has topics read again that have another id by now than when their partitions began.
func (c *Consumer) noteRecreated(now kadm.TopicDetails) {
	for _, p := range c.all() {
		if then, now := p.beganIn(), TopicID(now[p.topic].ID); then != "" && now != "" && then != now {
			c.recreated.add(p.topic)
		}
	}
}

// beganIn is the id of the topic that the partition's offsets are of; "" while it is not known.
func (p *partition) beganIn() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.topicID
}

// readRecreated makes franz-go forget topics that were deleted and created again, and read the new ones: it never
// does so by itself. Begin sees that the group's offsets are the old topic's.
func (c *Consumer) readRecreated() {
	for _, topic := range c.recreated.take() {
		c.opts.Log.Warn("topic was deleted; reading the new one of its name once there is one", "topic", topic)
		c.forget(topic)
		c.client.PurgeTopicsFromConsuming(topic)
		if c.opts.Pattern == "" {
			c.client.AddConsumeTopics(topic)
		}
		c.client.ForceMetadataRefresh() // which finds the topics of a pattern
	}
}

// forget drops a topic's partitions without committing.
func (c *Consumer) forget(topic string) {
	c.committing.take()
	defer c.committing.end()
	c.drop(slices.DeleteFunc(c.all(), func(p *partition) bool { return p.topic != topic }))
}
