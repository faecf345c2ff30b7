package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// joinSegment puts the segment sink between router and delivery: it decides per chunk what is sent.
func (s *Stream) joinSegment(plan *segment.Plan, target *audience.Target, m *Metrics) {
	w := s.wiring
	deps := segment.Deps{Sync: s.Sync.Name, Queue: deliverFunc(s.Route.Deliver), DeadLetters: s.Route.Letters, Audiences: target,
		Identity: s.Sync.Framing.Identity,
		Framings: func(topic string) [][]byte { return s.framings[topic] }, Formers: target.Formers, Generation: target.Generation, Status: w.Status, Log: w.Log}
	if plan.Remembers() {
		s.members = state.NewMembers(w.stateLog(w.Config.MembersTopic(s.Sync)), segment.EachClaim, m.members)
		deps.Memory = s.members
		s.services = append(s.services, daily(func(ctx context.Context) error { return w.noteMembers(ctx, s.Sync, s.members) }))
	}
	sink := segment.NewSink(plan, deps)
	s.segment = sink
	s.readback = plan.NewReadback(target, m.audiences, w.Status)
	s.Route.Deliver, s.Route.Letters = sink.Deliver, sink.Letters()
	s.Route.Source = s.afterMemory(s.Route.Source)
	s.services = append(s.services, s.readback.Run, sink.LookBack, daily(sink.Sweep))
}

// RestoreMemory reads what is remembered of the audience's members, and makes nothing that is not there.
func (s *Stream) RestoreMemory(ctx context.Context) error {
	if s.members == nil {
		return nil
	}
	if err := s.members.Restore(ctx); err != nil {
		return fmt.Errorf("read the members topic: %w", err)
	}
	return nil
}

// Table is an empty table of the audience. RestoreMemory comes before.
func (s *Stream) Table(ctx context.Context) *segment.Table {
	s.learnFramings(ctx)
	return s.segment.NewTable()
}

// Repair puts right what a comparison found. The wiring is served and the queue runs meanwhile.
func (s *Stream) Repair(ctx context.Context, c *segment.Comparison, rows map[pipeline.Position]pipeline.Record) (int, error) {
	return s.segment.Repair(ctx, c, rows)
}

// Readback asks TikTok about the audiences now.
func (s *Stream) Readback(ctx context.Context) audience.Reading { return s.readback.Read(ctx) }

// afterMemory is a source that waits until the sync's audience is remembered.
func (s *Stream) afterMemory(source router.Source) router.Source {
	return func(ctx context.Context, offer router.Offer) error {
		if s.AwaitMemory(ctx) != nil {
			return nil // ctx ended
		}
		return source(ctx, offer)
	}
}

// learnFramings asks the registry what the keys of the sync's topics may have begun with: earlier versions remembered members by such
// keys. Where it does not say, only members whose keys begin as they did then are found.
func (s *Stream) learnFramings(ctx context.Context) {
	w := s.wiring
	topics, err := s.Sync.SourceTopics(ctx, w.Admin)
	if err != nil || s.members == nil || s.members.Len() == 0 {
		return // there is nothing to be found
	}
	s.framings = map[string][][]byte{}
	for _, topic := range topics {
		ids, err := w.Registry.IDs(ctx, topic+"-key")
		if err != nil && ctx.Err() == nil {
			w.Log.Warn("the key schemas of a topic could not be asked for: members that an earlier version remembered by a key of another schema are not found until the next start",
				"sync", s.Sync.Name, "topic", topic, "error", err)
		}
		s.framings[topic] = s.Sync.Framing.Framings(topic, ids)
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

// tombstones is what records without value are to the sync. An audience that knows its members by their keys takes a member out
// for them; one that knows the old row alone cannot tell whose they are.
func (s *Sync) tombstones() cdc.Tombstones {
	switch {
	case s.Kind() == KindFile || s.Remembers():
		return cdc.TombstonesDelete
	case s.Kind() == KindSegment:
		return cdc.TombstonesRepeat
	}
	return cdc.TombstonesByTopic
}

// stateLog is a compacted topic as pipeline/state wants it.
func (w *Wiring) stateLog(topic string) state.Log {
	log := compacted(w.Admin, topic, func(ctx context.Context) (map[string]string, error) {
		ids, err := w.Admin.IDs(ctx, topic)
		if err != nil {
			if err = w.remake(ctx, topic); err == nil {
				ids, err = w.Admin.IDs(ctx, topic)
			}
		}
		return ids, err
	})
	log.MadeAgain = func(written int) {
		w.Log.Error("topic was deleted and created again: what this instance remembers of it is in the new one; what other instances wrote last may be missing: "+
			"to be sure, run tokrelay resync --sync NAME for each streamed audience", "topic", topic, "records_written", written)
	}
	log.Produce = func(ctx context.Context, records []pipeline.Record) []error {
		for i := range records {
			records[i].Partition = -1 // where its key belongs
		}
		return w.producer.Produce(ctx, records)
	}
	return log
}
