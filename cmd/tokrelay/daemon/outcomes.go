package daemon

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
	"github.com/tokrelay/tokrelay/schemas"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// outcomesTopic is what is known of the topic of outcomes, once it is there.
type outcomesTopic struct {
	batches    *kafka.Batches
	partitions atomic.Int32

	mu   sync.Mutex
	head outcomes.Head // nil: the schema is yet to be registered
}

// Outcomes writes a sync's outcomes; nil where none are kept. EnsureTopics comes first.
func (w *Wiring) Outcomes(s *Sync) *outcomes.Writer {
	if !w.Config.Outcomes.Enabled {
		return nil
	}
	about := outcomes.About{Sync: s.Name, Replay: w.options.ReplayID, By: w.options.By, Identity: s.Framing.Identity, Sent: outcomes.Send, Column: s.columns()}
	if s.IsAudience() {
		about.Sent = outcomes.Add
	}
	if s.Kind() == KindSegment {
		about.Said = said
	}
	return outcomes.NewWriter(about, outcomes.Deps{Topic: w.Config.Outcomes.Topic, Producer: w.outcomes.batches, Status: w.Status,
		Head: w.outcomesHead, Partitions: func() int { return int(w.outcomes.partitions.Load()) }})
}

// said is what a row of a streamed audience says.
func said(items *pipeline.Items, i int, dst []byte) (outcomes.Action, []byte) {
	member, dst := segment.Says(items, i, dst)
	if member {
		return outcomes.Add, dst
	}
	return outcomes.Delete, dst
}

// EnsureOutcomes makes sure of the topic of outcomes, where there is to be one, and learns how many partitions it has.
func (w *Wiring) EnsureOutcomes(ctx context.Context) error {
	c := w.Config.Outcomes
	if !c.Enabled {
		return nil
	}
	if err := w.ensure(ctx, c.Create, admin.Wanted{Name: c.Topic, Partitions: c.Partitions, Retention: c.Retention.Std()}); err != nil {
		return err
	}
	there, err := w.Admin.Topics(ctx, c.Topic)
	if err != nil {
		return err
	}
	n := there[c.Topic].Partitions
	if n == 0 { // just made, and not known everywhere yet
		n = c.Partitions
	}
	w.outcomes.partitions.Store(int32(n))
	return nil
}

// outcomesHead has the schema registry keep the schema of outcomes, once, and is what their records begin with. Where the registry does
// not want to, or there is none, readers that are not ours have to bring the schema along. The error is a *pipeline.Trouble: the
// registry is away.
func (w *Wiring) outcomesHead(ctx context.Context) (outcomes.Head, error) {
	w.outcomes.mu.Lock()
	defer w.outcomes.mu.Unlock()
	if w.outcomes.head != nil {
		return w.outcomes.head, nil
	}
	id, err := w.Registry.Register(ctx, w.Config.Outcomes.Topic+"-value", schemas.Outcome())
	head := outcomes.HeadOf(id)
	refused, no := errors.AsType[*registry.Refused](err)
	switch {
	case no:
		w.Log.Warn("the schema of outcomes is not registered: sink connectors cannot read them until it is and tokrelay was started again; allow tokrelay to write the subject, or register schemas/outcome.avsc",
			"subject", refused.Subject, "status", refused.Status, "answer", refused.Text)
		head = outcomes.Unregistered()
	case errors.Is(err, registry.ErrNoRegistry):
		head = outcomes.Unregistered()
	case err != nil:
		return nil, err
	}
	w.outcomes.head = head
	return head, nil
}

// OutcomesIn is the topic of outcomes as its readers want it.
func (c *Config) OutcomesIn(client *admin.Client) outcomes.Source {
	in, topic := LettersIn(client), c.Outcomes.Topic
	return outcomes.Source{
		All: func(ctx context.Context) (outcomes.Span, error) {
			all, err := in.All(ctx, topic)
			return outcomes.Span{ID: all.ID, From: all.From, To: all.To}, err
		},
		At: func(ctx context.Context, t time.Time) (map[int32]int64, error) { return in.At(ctx, topic, t) },
		Scan: func(ctx context.Context, s outcomes.Span, each func(*pipeline.Record) error) error {
			return client.Scan(ctx, admin.Range{From: admin.Offsets{topic: s.From}, To: admin.Offsets{topic: s.To}, IDs: map[string]string{topic: s.ID}}, each)
		},
	}
}
