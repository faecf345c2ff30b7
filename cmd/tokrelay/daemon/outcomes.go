package daemon

import (
	"context"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
)

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

// EnsureOutcomes makes sure of the topic of outcomes, where there is to be one, and learns how many partitions it has.
func (w *Wiring) EnsureOutcomes(ctx context.Context) error {
	c := w.Config.Outcomes
	if !c.Enabled {
		return nil
	}
	return w.ensure(ctx, c.Create, admin.Wanted{Name: c.Topic, Partitions: c.Partitions, Retention: c.Retention.Std()})
}
