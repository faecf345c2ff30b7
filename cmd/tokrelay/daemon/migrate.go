package daemon

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/stage"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// migrate takes over what earlier versions remembered of the sync's members, in a topic of its own: each member becomes an
// assertion, as if its row had come again. The topics of the audience are there, and no row of the sync was asserted yet.
func (s *Stream) migrate(ctx context.Context) error {
	if !s.target.Earlier() {
		return nil
	}
	w, from := s.wiring, s.wiring.Config.MembersTopic(s.Sync)
	there, err := w.Admin.Topics(ctx, from)
	if err != nil {
		return err
	}
	if _, is := there[from]; !is {
		return s.target.TakenOver(ctx) // nothing was remembered: findEarlier has seen to it
	}
	w.Log.Info("what an earlier version remembered of the audience's members is being taken over", "sync", s.Sync.Name, "topic", from)
	taken, passed := 0, 0
	namer := owners.NewNamer(s.Sync.Name)
	assert := owners.NewAssert(s.topics, s.Sync.Name, 0) // of before any resync: one that is under way still sweeps it
	n, err := stage.Copy{
		Name: w.Config.GroupOf(s.Sync) + ".migrate", Log: w.Log,
		Last: kgo.Record{Topic: s.topics.Rows, Key: []byte("migrated")},
		Read: func(ctx context.Context, each func(*pipeline.Record) error) error {
			all, err := w.Admin.All(ctx, from)
			if err != nil {
				return err
			}
			return w.Admin.Read(ctx, all, each) // records of one member come in their order: the last counts
		},
		Make: func(r *pipeline.Record, write owners.Write) {
			key, a, ok := segment.Adopt(r)
			if !ok {
				passed++
				return
			}
			taken++
			assert.Of(namer.Adopt(key), &a, write)
		},
		Done: s.tookOver,
		Note: s.target.TakenOver,
	}.Run(ctx, w.kafka())
	if err != nil {
		return fmt.Errorf("take over the members in topic %s: %w", from, err)
	}
	if n > 0 {
		w.Log.Info("members were taken over, and TikTok is told of each once more; the earlier topic is not needed any more", "sync", s.Sync.Name, "topic", from, "records", taken, "passed_over", passed)
	}
	return nil
}

// findEarlier is the trouble of a sync of which an earlier version has remembered members, in a topic that is lost.
func (s *Stream) findEarlier(ctx context.Context) error {
	w, from := s.wiring, s.wiring.Config.MembersTopic(s.Sync)
	if _, remembered := w.State.Get(audience.MembersKey(s.Sync.Name)); !s.target.Earlier() || !remembered || len(w.madeTopics(s.Sync).IDs) > 0 {
		return nil
	}
	there, err := w.Admin.Topics(ctx, from)
	if _, is := there[from]; is || err != nil {
		return err
	}
	return lostTopics(s.Sync.Name, []string{from})
}

// tookOver reports whether another instance has taken the members over meanwhile.
func (s *Stream) tookOver(ctx context.Context) (bool, error) {
	if err := s.wiring.State.Refresh(ctx); err != nil {
		return false, err
	}
	return s.target.TookOver()
}
