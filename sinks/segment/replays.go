package segment

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// ReplayDeps are a Replays' neighbours.
type ReplayDeps struct {
	Sync        string
	Produce     func(ctx context.Context, records []pipeline.Record) []error // an error for each record that Kafka did not take
	DeadLetters DeadLetters
	Identity    func(r *pipeline.Record) []byte
	// Committed is how far the sync's group has come in a partition.
	Committed func(ctx context.Context, topic string, partition int32) (int64, error)
}

// Replays takes chunks of dead letters that are replayed. The owner of a row counts one if nothing later of the row has counted, and
// the owners of its digests say them once more.
type Replays struct {
	plan   *Plan
	deps   ReplayDeps
	topics owners.Topics
	assert *owners.Assert
}

// NewReplays puts one together. Begin comes before the first chunk.
func NewReplays(p *Plan, deps ReplayDeps) *Replays { return &Replays{plan: p, deps: deps} }

// Begin tells it the audience's topics, and of which resync the sync's rows are.
func (s *Replays) Begin(t owners.Topics, epoch int64) {
	s.topics, s.assert = t, owners.NewAssert(t, s.deps.Sync, epoch)
}

// Deliver settles the rows of a chunk once their owners will hear of them. Those that the sync has yet to read, or to read again, are
// passed over. It fails only when ctx ends.
func (s *Replays) Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	var records []pipeline.Record
	write := func(topic string, partition int32, key, value []byte) {
		records = append(records, pipeline.Record{Topic: topic, Partition: partition, Key: slices.Clone(key), Value: slices.Clone(value)})
	}
	outcomes := map[int32]pipeline.Outcome{}
	rejected := items.Rejected
	var letters []pipeline.Letter
	for i := range items.List {
		row := items.List[i].Row
		r := &c.Records[row]
		if len(rejected) > 0 && rejected[0].Row == row {
			letters = append(letters, pipeline.Letter{Record: r, Rejection: rejected[0].Rejection, SchemaID: rejected[0].SchemaID})
			rejected, outcomes[row] = rejected[1:], pipeline.DeadLettered
			continue
		}
		at, err := s.committed(ctx, r)
		if err != nil {
			return err
		}
		if outcomes[row] = pipeline.Skipped; r.Offset < at {
			outcomes[row] = pipeline.Delivered
			s.row(items.Body(i), r, write)
		}
	}
	if len(letters) > 0 {
		if err := s.deps.DeadLetters.Rows(ctx, letters); err != nil {
			return err
		}
	}
	if err := s.produce(ctx, records); err != nil {
		return err
	}
	s.settle(c, outcomes, letters)
	return nil
}

func (s *Replays) committed(ctx context.Context, r *pipeline.Record) (at int64, err error) {
	backoff := pipeline.Backoff{First: 200 * time.Millisecond, Most: 5 * time.Second}
	for tries := 0; ; tries++ {
		if at, err = s.deps.Committed(ctx, r.Topic, r.Partition); err == nil {
			return at, nil
		}
		if err := backoff.Wait(ctx, tries); err != nil {
			return 0, err
		}
	}
}

// row writes what a replayed row says.
func (s *Replays) row(body []byte, r *pipeline.Record, write owners.Write) {
	says := readSays(body)
	a := says.assertion(r)
	a.What = owners.OfReplay
	s.assert.Row(r.Topic, s.deps.Identity(r), &a, write)
	for d, rest := owners.Next(a.Digests); d != nil; d, rest = owners.Next(rest) {
		owners.SayAgain(s.topics, d, owners.TagOf(s.deps.Sync), a.Source, write)
	}
}

// produce writes records until Kafka has taken all.
func (s *Replays) produce(ctx context.Context, records []pipeline.Record) error {
	backoff := pipeline.Backoff{First: 200 * time.Millisecond, Most: 5 * time.Second}
	for tries := 0; len(records) > 0; tries++ {
		var left []pipeline.Record
		for i, err := range s.deps.Produce(ctx, records) {
			if err != nil {
				left = append(left, records[i])
			}
		}
		if records = left; len(left) == 0 {
			return nil
		}
		if err := backoff.Wait(ctx, tries); err != nil {
			return fmt.Errorf("write to the owners of rows: %w", err)
		}
	}
	return nil
}

func (s *Replays) settle(c *pipeline.Chunk, outcomes map[int32]pipeline.Outcome, letters []pipeline.Letter) {
	var ended [len(pipeline.Outcomes) + 1]int
	for row, o := range outcomes {
		if c.Settle(int(row), o) {
			ended[o]++
		}
	}
	s.plan.rows.Skipped(pipeline.SkipDuplicateReplay, ended[pipeline.Skipped])
	for i := range letters {
		s.plan.rows.Rejected(letters[i].Rejection)
	}
	for _, o := range pipeline.Outcomes {
		s.plan.rows.Settled(o, ended[o])
	}
}
