package daemon

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// streamed is what a sync has that streams to an audience.
type streamed struct {
	target   *audience.Target
	readback *audience.Readback
	sink     interface {
		Begin(t owners.Topics, epoch int64)
	}
	teller   *segment.Teller
	letters  segment.DeadLetters
	consumed *kafka.Metrics // also of what waits in the stages

	begun  chan struct{} // closed once topics are there
	topics owners.Topics
	prefix string
	stages atomic.Pointer[stages] // nil before the sync has joined them, and in a replay
}

// joinSegment has rows asserted to their owners, and what the owners of digests say delivered.
func (s *Stream) joinSegment(plan *segment.Plan, target *audience.Target, consumer *kafka.Consumer, m *Metrics) {
	w := s.wiring
	_, connection := w.Config.ConnectionOf(s.Sync)
	letters := s.Route.Letters
	s.streamed = &streamed{target: target, letters: letters, consumed: m.consumer, begun: make(chan struct{}),
		readback: plan.NewReadback(target, m.audiences, w.Status),
		teller: segment.NewTeller(plan, segment.TellerDeps{Sync: s.Sync.Name, Queue: s.Queue, DeadLetters: letters, Audiences: target,
			Longest: connection.Timeout.Std(), Status: w.Status, Log: w.Log})}
	if w.options.Replay {
		s.joinReplays(plan)
		return
	}
	transactions := kafka.NewTransactions(w.kafka(), consumer, w.Log.With("sync", s.Sync.Name))
	sink := segment.NewSink(plan, segment.Deps{Sync: s.Sync.Name, Transactions: transactions, DeadLetters: letters, Identity: s.Sync.Framing.Identity, Outcomes: s.Route.Outcomes})
	s.sink, s.Route.Deliver, s.Route.Told = sink, sink.Deliver, true
	s.Route.Source = s.afterMemory(s.Route.Source)
	s.services = append(s.services, s.readback.Run, transactions.Run, s.tellEnds)
}

// joinReplays has replayed rows handed to their owners, which instances are.
func (s *Stream) joinReplays(plan *segment.Plan) {
	w := s.wiring
	replays := segment.NewReplays(plan, segment.ReplayDeps{Sync: s.Sync.Name, Tell: w.TellOwners, DeadLetters: s.letters, Identity: s.Sync.Framing.Identity,
		Committed: func(ctx context.Context, topic string, partition int32) (int64, error) {
			committed, err := w.Admin.Committed(ctx, w.Config.GroupOf(s.Sync))
			at, _ := committed.Get(topic, partition)
			return at, err
		}})
	s.sink, s.Route.Deliver = replays, replays.Deliver
	s.services = append(s.services, s.readback.Run)
}

// Readback asks TikTok about the audiences now.
func (s *Stream) Readback(ctx context.Context) audience.Reading { return s.readback.Read(ctx) }

// AwaitMemory makes sure of what a streamed audience needs besides the topics of all syncs, however long it takes: the audience
// itself, and its owners' topics. The other syncs do not wait for it.
func (s *Stream) AwaitMemory(ctx context.Context) error {
	if s.streamed == nil {
		return nil
	}
	w := s.wiring
	for _, step := range []struct {
		kind pipeline.TroubleKind
		do   func(context.Context) error
	}{
		{pipeline.TroubleKafka, w.EnsureState},
		{pipeline.TroubleState, w.State.Refresh},
		{pipeline.TroubleKafka, func(ctx context.Context) error { return w.transacts(ctx, s.Sync) }},
		{pipeline.TroubleAudience, s.findAudience},
		{pipeline.TroubleState, s.findEarlier},
		{pipeline.TroubleKafka, s.findTopics},
		{pipeline.TroubleState, s.migrate},
	} {
		if err := w.insist(ctx, []string{s.Sync.Name}, step.kind, step.do); err != nil {
			return err
		}
	}
	s.sink.Begin(s.topics, int64(s.target.Generation()))
	close(s.begun)
	if w.options.Replay {
		return nil
	}
	of, err := w.audiences.join(ctx, s, s.prefix, s.topics)
	if err == nil {
		s.stages.Store(of)
		w.shares.counted(s.Sync.Name, int(s.topics.Parts))
		of.share()
	}
	return err
}

func (s *Stream) findAudience(ctx context.Context) error {
	_, err := s.target.IDs(ctx, "")
	s.prefix = s.wiring.Config.ownersPrefix(s.Sync, s.target.ID())
	return err
}

func (s *Stream) findTopics(ctx context.Context) (err error) {
	if !s.target.Earlier() {
		s.wiring.warnOfLost(ctx, s.Sync, s.prefix)
	}
	s.wiring.warnOfLeft(ctx, s.Sync)
	s.topics, err = s.wiring.ensureOwners(ctx, s.Sync, s.prefix)
	return err
}

// afterMemory is a source that waits until the sync's audience is known, and ends when what is remembered of it is lost: then the
// sync is held until a full resync.
func (s *Stream) afterMemory(source router.Source) router.Source {
	const lost = "audience topics"
	return func(ctx context.Context, offer router.Offer) error {
		if s.AwaitMemory(ctx) != nil {
			return nil // ctx ended
		}
		reading, stop := context.WithCancel(ctx)
		defer stop()
		trouble := make(chan *pipeline.Trouble, 1)
		go func() {
			defer stop()
			trouble <- s.wiring.watchOwners(reading, s.Sync, s.topics)
		}()
		err := source(reading, offer)
		stop()
		if why := <-trouble; why != nil {
			s.wiring.Status.Set(s.Sync.Name, lost, why)
			<-ctx.Done()
		}
		return err
	}
}

// mayCall waits until a call may begin: another instance may own by now what it is about.
func (s *Stream) mayCall(ctx context.Context) error {
	if s.streamed == nil {
		return nil
	}
	of := s.stages.Load()
	for of != nil && !of.claims.MayCall() {
		if err := pipeline.Wait(ctx, mayCallEvery); err != nil {
			return err
		}
	}
	return nil
}

// mayCallEvery is how often a call that may not begin is looked at again.
const mayCallEvery = 50 * time.Millisecond

// tombstones is what records without value are to the sync. An audience knows its members by their keys, and takes one out for them.
func (s *Sync) tombstones() cdc.Tombstones {
	switch s.Kind() {
	case KindFile, KindSegment:
		return cdc.TombstonesDelete
	}
	return cdc.TombstonesByTopic
}

// MembersTopic is where earlier versions remembered the members of a streamed audience.
func (c *Config) MembersTopic(s *Sync) string { return c.GroupOf(s) + ".members" }

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
