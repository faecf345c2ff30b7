package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

func (rd *reader) findLeaders(ctx context.Context, spans []*span) error {
	var topics []string
	for _, s := range spans {
		if s.leaderless && !slices.Contains(topics, s.topic) {
			topics = append(topics, s.topic)
		}
	}
	details, err := rd.admin.describe(ctx, topics)
	if err != nil {
		return err
	}
	for _, s := range spans {
		if d, asked := details[s.topic]; asked {
			if err := s.lookUp(&d); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookUp takes the partition's leader from the answer. A topic that is gone, or another one of the same name, ends the
// reading: its offsets mean nothing any more.
func (s *span) lookUp(d *kadm.TopicDetail) error {
	p, there := d.Partitions[s.id]
	switch {
	case errors.Is(d.Err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("read %s: %w", s.topic, d.Err)
	case d.Err != nil:
		return nil
	case s.wantID != "" && kafka.TopicID(d.ID) != s.wantID:
		return fmt.Errorf("read %s: the topic was deleted and created again after its end was looked up: begin again, with the new topic", s.topic)
	case !there:
		return fmt.Errorf("read %s: the topic has no partition %d any more, so it was deleted and created again: begin again, with the new topic", s.topic, s.id)
	case p.Leader < 0:
		return nil
	}
	s.wantID, s.topicID, s.leader, s.leaderless = kafka.TopicID(d.ID), d.ID, p.Leader, false
	return nil
}

func byLeader(spans []*span) map[int32][]*span {
	m := map[int32][]*span{}
	for _, s := range spans {
		if !s.leaderless {
			m[s.leader] = append(m[s.leader], s)
		}
	}
	return m
}
