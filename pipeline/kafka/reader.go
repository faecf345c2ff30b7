package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Range is what Read reads: every partition of To, from From (its oldest record where From has none) up to, and
// without, To. Ends gives the To of "everything there is now".
type Range struct {
	From, To Offsets
}

// ErrStop ends Read from within its callback: Read then returns nil.
var ErrStop = errors.New("stop reading")

// Read calls each for every record of the range, a partition's records in their order, from one goroutine. It returns
// when every partition has been read up to its end: exactly, also across transactions, compaction and deleted records.
// It joins no group and commits nothing. Memory stays below a few fetches, whatever the range. Passing trouble with
// brokers is waited out for as long as ctx allows; each's error ends the reading. The record is each's to keep.
func (a *Admin) Read(ctx context.Context, r Range, each func(*pipeline.Record) error) error {
	return (&reader{admin: a, each: each}).run(ctx, r)
}

func (rd *reader) run(ctx context.Context, r Range) error {
	rd.unpack = boundedDecompressor(rd.admin.client)
	if err := rd.open(ctx, r); err != nil {
		return err
	}
	for tries := 0; len(rd.left) > 0; {
		moved, err := rd.round(ctx)
		switch {
		case errors.Is(err, ErrStop):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return err
		case moved:
			tries = 0
			continue
		}
		if err := pipeline.Wait(ctx, backoff(min(tries, 5))); err != nil {
			return err
		}
		tries++
	}
	return nil
}

// reader is one Read under way.
type reader struct {
	admin *Admin
	each  func(*pipeline.Record) error
	lend  *loan // of Scan
	left  []*span

	unpack kgo.Decompressor // one for all answers: each has decoders of its own, whose windows would pile up
}

// span is what is left to read of a partition.
type span struct {
	topic   string
	topicID [16]byte
	id      int32
	at, end int64
	leader  int32
	nobody  bool // the leader is not known: ask again
}

func (rd *reader) open(ctx context.Context, r Range) error {
	var topics []string
	for topic := range r.To {
		topics = append(topics, topic)
	}
	starts, err := rd.admin.Starts(ctx, topics...)
	if err != nil {
		return err
	}
	for topic, partitions := range r.To {
		for id, end := range partitions {
			at, _ := starts.Get(topic, id)
			if from, ok := r.From.Get(topic, id); ok {
				at = max(at, from)
			}
			if at < end {
				rd.left = append(rd.left, &span{topic: topic, id: id, at: at, end: end, nobody: true})
			}
		}
	}
	return nil
}

// round asks every leader once. It tells whether anything was read.
func (rd *reader) round(ctx context.Context) (moved bool, err error) {
	if err := rd.findLeaders(ctx); err != nil {
		return false, err
	}
	for leader, spans := range rd.byLeader() {
		m, err := rd.fetch(ctx, leader, spans)
		if err != nil {
			return false, err
		}
		moved = moved || m
	}
	rd.left = slices.DeleteFunc(rd.left, func(s *span) bool { return s.at >= s.end })
	return moved, nil
}

func (rd *reader) findLeaders(ctx context.Context) error {
	var topics []string
	for _, s := range rd.left {
		if s.nobody && !slices.Contains(topics, s.topic) {
			topics = append(topics, s.topic)
		}
	}
	if len(topics) == 0 {
		return nil
	}
	details, err := rd.admin.adm.ListTopics(ctx, topics...)
	if err != nil {
		return fmt.Errorf("find leaders: %w", err)
	}
	for _, s := range rd.left {
		if err := s.lookUp(details); err != nil {
			return err
		}
	}
	return nil
}

// lookUp takes the partition's leader from the answer. A topic that is gone, or another one of the same name, ends the
// reading: its offsets mean nothing any more.
func (s *span) lookUp(details kadm.TopicDetails) error {
	d, ok := details[s.topic]
	switch {
	case !ok:
		return nil
	case errors.Is(d.Err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("read %s: %w", s.topic, d.Err)
	case s.topicID != [16]byte{} && s.topicID != d.ID:
		return fmt.Errorf("read %s: the topic was deleted and created again", s.topic)
	case d.Err != nil || d.Partitions[s.id].Leader < 0:
		return nil
	}
	s.topicID, s.leader, s.nobody = d.ID, d.Partitions[s.id].Leader, false
	return nil
}

func (rd *reader) byLeader() map[int32][]*span {
	m := map[int32][]*span{}
	for _, s := range rd.left {
		if !s.nobody {
			m[s.leader] = append(m[s.leader], s)
		}
	}
	return m
}
