package kafka

import (
	"slices"
	"sync"
)

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
	var topics []string
	for t := range s.topics {
		topics = append(topics, t)
	}
	clear(s.topics)
	return topics
}

// readRecreated makes franz-go forget topics that were deleted and created again, and read the new ones: it never
// does so by itself.
func (c *Consumer) readRecreated() {
	for _, topic := range c.recreated.take() {
		c.opts.Log.Warn("topic was deleted and created again; reading the new one", "topic", topic)
		c.forget(topic)
		c.client.PurgeTopicsFromConsuming(topic)
		if c.opts.Pattern == "" {
			c.client.AddConsumeTopics(topic)
		}
	}
}

// forget drops a topic's partitions without committing, and has the new topic's start over: the old offsets mean
// nothing in it.
func (c *Consumer) forget(topic string) {
	c.committing.take()
	defer c.committing.end()
	c.drop(slices.DeleteFunc(c.all(), func(p *partition) bool { return p.topic != topic }))
	c.mu.Lock()
	c.again[topic] = map[int32]bool{}
	c.mu.Unlock()
}

// startsOver tells, once, that a partition belongs to a topic that was created again: the group's offset is the old
// topic's, and would skip rows of the new one.
func (c *Consumer) startsOver(topic string, id int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	started, again := c.again[topic]
	if !again || started[id] {
		return false
	}
	started[id] = true
	return true
}
