package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// segmentParts are what a streamed audience has beside every sync's parts.
type segmentParts struct {
	target   *audience.Target
	sink     *segment.Sink
	readback *audience.Readback
	members  *state.Members // nil where nothing is remembered
}

// joinSegment puts the segment sink between router and delivery: it decides per chunk what TikTok has to be told.
func (d *Daemon) joinSegment(s *Sync, plan *segment.Plan, joined *router.Sync, m *metrics.Sync) {
	name, _ := d.Config.ConnectionOf(s)
	parts := &segmentParts{target: plan.NewTarget(s.Name, d.connections[name].client, d.state)}
	deps := segment.Deps{Sync: s.Name, Queue: deliverFunc(joined.Deliver), DeadLetters: joined.Letters, Audiences: parts.target,
		Generation: parts.target.Generation, Status: d.Status}
	if plan.Remembers() {
		parts.members = state.NewMembers(d.stateLog(d.Config.MembersTopic(s)), segment.EachClaim, m)
		deps.Memory = parts.members
	}
	parts.sink = segment.NewSink(plan, deps)
	parts.readback = plan.NewReadback(parts.target)
	joined.Deliver, joined.Letters = parts.sink.Deliver, parts.sink.Letters()
	joined.Source = d.after(s, joined.Source)
	d.services = append(d.services, parts.readback.Run, daily(parts.sink.Sweep))
	d.segments[s.Name] = parts
}

// deliverFunc is a queue by its one method.
type deliverFunc func(context.Context, *pipeline.Chunk, *pipeline.Items) error

func (f deliverFunc) Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	return f(ctx, c, items)
}

// daily calls what may fail today and succeed tomorrow once a day until ctx ends.
func daily(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(24 * time.Hour):
			}
			if do(ctx) != nil {
				continue
			}
		}
	}
}

// MembersTopic holds what a streamed audience remembers of its members.
func (c *Config) MembersTopic(s *Sync) string { return c.GroupOf(s) + ".members" }

// stateLog is a compacted topic of the daemon's.
func (d *Daemon) stateLog(topic string) state.Log { return StateLog(topic, d.admin, d.producer, d.Log) }

// StateLog is a compacted topic as pipeline/state wants it.
func StateLog(topic string, admin *kafka.Admin, producer *kafka.Producer, log *slog.Logger) state.Log {
	return state.Log{
		Topic: topic,
		Ends: func(ctx context.Context) (string, map[int32]int64, error) {
			ids, err := admin.IDs(ctx, topic)
			if err != nil {
				return "", nil, err
			}
			ends, err := admin.Ends(ctx, topic)
			return ids[topic], ends[topic], err
		},
		Read: func(ctx context.Context, id string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			return admin.Read(ctx, kafka.Range{From: kafka.Offsets{topic: from}, To: kafka.Offsets{topic: to}, IDs: map[string]string{topic: id}}, each)
		},
		MadeAgain: func() {
			log.Warn("topic was deleted and created again: what it remembered is forgotten, and the new one was read from its beginning", "topic", topic)
		},
		Produce: func(ctx context.Context, records []pipeline.Record) []error {
			for i := range records {
				records[i].Partition = -1 // where its key belongs
			}
			return producer.Produce(ctx, records)
		},
	}
}
