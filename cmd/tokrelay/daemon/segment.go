package daemon

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// joinSegment puts the segment sink between router and delivery: it decides per chunk what is sent.
func (s *Stream) joinSegment(plan *segment.Plan, target *audience.Target, m *Metrics) {
	w := s.wiring
	deps := segment.Deps{Sync: s.Sync.Name, Queue: deliverFunc(s.Route.Deliver), DeadLetters: s.Route.Letters, Audiences: target,
		Generation: target.Generation, Status: w.Status}
	if plan.Remembers() {
		s.members = state.NewMembers(w.stateLog(w.Config.MembersTopic(s.Sync)), segment.EachClaim, m.members)
		deps.Memory = s.members
	}
	sink := segment.NewSink(plan, deps)
	s.readback = plan.NewReadback(target, m.audiences, w.Status)
	s.Route.Deliver, s.Route.Letters = sink.Deliver, sink.Letters()
	s.Route.Source = s.afterMemory(s.Route.Source)
	s.services = append(s.services, s.readback.Run, daily(sink.Sweep))
}

// afterMemory is a source that waits until the sync's audience is remembered.
func (s *Stream) afterMemory(source router.Source) router.Source {
	return func(ctx context.Context, offer router.Offer) error {
		if s.AwaitMemory(ctx) != nil {
			return nil // ctx ended
		}
		return source(ctx, offer)
	}
}

// deliverFunc is a queue by its one method.
type deliverFunc func(context.Context, *pipeline.Chunk, *pipeline.Items) error

func (f deliverFunc) Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	return f(ctx, c, items)
}

// firstSweep is when a process does what is to be done daily for the first time: one that is started again every day does it too.
const firstSweep = 10 * time.Minute

// daily calls what may fail today and succeed tomorrow, soon and then once a day until ctx ends.
func daily(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for pause := firstSweep; pipeline.Wait(ctx, pause) == nil; pause = 24 * time.Hour {
			_ = do(ctx)
		}
		return nil
	}
}

// MembersTopic holds what a streamed audience remembers of its members.
func (c *Config) MembersTopic(s *Sync) string { return c.GroupOf(s) + ".members" }

// Remembers reports whether the sync keeps the state of its members in a topic.
func (s *Sync) Remembers() bool {
	return s.Kind() == KindSegment && s.AudienceSegment.Remembers(s.BeforeImage == "full")
}

// stateLog is a compacted topic as pipeline/state wants it.
func (w *Wiring) stateLog(topic string) state.Log {
	return state.Log{
		Topic: topic,
		Ends: func(ctx context.Context) (string, map[int32]int64, error) {
			ids, err := w.Admin.IDs(ctx, topic)
			if err != nil {
				if err = w.remake(ctx, topic); err == nil {
					ids, err = w.Admin.IDs(ctx, topic)
				}
			}
			if err != nil {
				return "", nil, err
			}
			ends, err := w.Admin.Ends(ctx, topic)
			return ids[topic], ends[topic], err
		},
		Read: func(ctx context.Context, id string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			return w.Admin.Read(ctx, admin.Range{From: admin.Offsets{topic: from}, To: admin.Offsets{topic: to}, IDs: map[string]string{topic: id}}, each)
		},
		MadeAgain: func(written int) {
			w.Log.Error("topic was deleted and created again: what this instance remembers of it is in the new one; what other instances wrote last may be missing: "+
				"to be sure, run tokrelay resync --sync NAME for each streamed audience", "topic", topic, "records_written", written)
		},
		Produce: func(ctx context.Context, records []pipeline.Record) []error {
			for i := range records {
				records[i].Partition = -1 // where its key belongs
			}
			return w.producer.Produce(ctx, records)
		},
	}
}
