package segment

import (
	"context"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// DeadLetters takes rejected rows. It returns nil once Kafka has acknowledged them, and an error only when ctx ended.
type DeadLetters interface {
	Rows(ctx context.Context, letters []pipeline.Letter) error
}

// Transactions writes records and the offset of the chunk that they were made of: both or nothing. It is
// pipeline/kafka's.
type Transactions interface {
	// Chunk returns nil once that is done, and an error only when ctx ended: then the chunk is to come again. write may be called several
	// times, and is never called twice at a time.
	Chunk(ctx context.Context, c *pipeline.Chunk, write func(owners.Write)) error
}

// Deps are a Sink's neighbours.
type Deps struct {
	Sync         string
	Transactions Transactions
	DeadLetters  DeadLetters
	Identity     func(r *pipeline.Record) []byte // what tells a record's row from the others of its topic; nil: its key
	// Outcomes writes how the rows of a chunk end, before they do: their offset is committed together with their assertions. Nil: none.
	Outcomes func(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error
}

// Sink takes the chunks of a sync: each row is asserted to the owners of the audience's rows. It wants the chunks of one partition one
// after the other; those of several partitions may come at the same time.
type Sink struct {
	plan   *Plan
	deps   Deps
	assert *owners.Assert
}

// NewSink puts a sink together. Begin comes before the first chunk.
func NewSink(p *Plan, deps Deps) *Sink {
	return &Sink{plan: p, deps: deps}
}

// Begin tells the sink its audience's topics, and of which resync its rows are.
func (s *Sink) Begin(t owners.Topics, epoch int64) {
	s.assert = owners.NewAssert(t, s.deps.Sync, epoch)
}

// Deliver asserts the rows of a chunk, and settles them. It fails only when ctx ends; then the chunk is to come again.
func (s *Sink) Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	if err := s.letters(ctx, c, items); err != nil {
		return err
	}
	if err := s.tell(ctx, c, items); err != nil {
		return err
	}
	err := s.deps.Transactions.Chunk(ctx, c, func(write owners.Write) { s.write(c, items, write) })
	if err != nil {
		return err
	}
	s.settle(c, items)
	return nil
}

// letters writes the letters of rejected rows, before it is noted anywhere that there are some.
func (s *Sink) letters(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	if len(items.Rejected) == 0 {
		return nil
	}
	letters := make([]pipeline.Letter, 0, len(items.Rejected))
	for _, r := range items.Rejected {
		letters = append(letters, pipeline.Letter{Record: &c.Records[r.Row], Rejection: r.Rejection, SchemaID: r.SchemaID})
	}
	return s.deps.DeadLetters.Rows(ctx, letters)
}

// tell has it written how the rows end. Should the transaction fail they come again, and are written again.
func (s *Sink) tell(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	if s.deps.Outcomes == nil {
		return nil
	}
	asserted, rejected := &pipeline.Told{Asserted: true}, items.Rejected
	skipped := map[pipeline.SkipReason]*pipeline.Told{}
	for i, item := range items.List {
		t := readSays(items.Body(i))
		skip, idle := t.idle(c.Records[item.Row].Value == nil)
		switch {
		case len(rejected) > 0 && rejected[0].Row == item.Row:
			rejected = rejected[1:]
		case !idle:
			c.Tell(int(item.Row), asserted)
		default:
			if skipped[skip] == nil {
				skipped[skip] = &pipeline.Told{Skip: skip}
			}
			c.Tell(int(item.Row), skipped[skip])
		}
	}
	return s.deps.Outcomes(ctx, c, items)
}

// write writes the assertions of a chunk's rows.
func (s *Sink) write(c *pipeline.Chunk, items *pipeline.Items, write owners.Write) {
	rejected := items.Rejected
	for i, item := range items.List {
		t := readSays(items.Body(i))
		a := t.assertion(&c.Records[item.Row])
		if len(rejected) > 0 && rejected[0].Row == item.Row {
			a.Rejected, rejected = true, rejected[1:]
		}
		s.row(&c.Records[item.Row], &a, write)
	}
}

// row writes a row's assertion.
func (s *Sink) row(r *pipeline.Record, a *owners.Assertion, write owners.Write) {
	identity := r.Key
	if s.deps.Identity != nil {
		identity = s.deps.Identity(r)
	}
	s.assert.Row(r.Topic, identity, a, write)
}

// assertion is what a record's row says, as its owner is told.
func (t *says) assertion(r *pipeline.Record) owners.Assertion {
	return owners.Assertion{Member: t.member, AsWas: t.asWas, Keep: t.keep, Kept: t.kept, Digests: t.now, Before: t.before, Source: sourceOf(r)}
}

func sourceOf(r *pipeline.Record) owners.Source {
	return owners.Source{Topic: []byte(r.Topic), Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp.UnixMilli()}
}

// settle ends the rows of a chunk. What becomes of those that count is their owners' to say: they count as delivered, to
// Kafka.
func (s *Sink) settle(c *pipeline.Chunk, items *pipeline.Items) {
	rejected := items.Rejected
	var ended [len(pipeline.Outcomes) + 1]int
	for i, item := range items.List {
		outcome := pipeline.Delivered
		t := readSays(items.Body(i))
		var why *pipeline.Rejection
		skip, idle := t.idle(c.Records[item.Row].Value == nil)
		switch {
		case len(rejected) > 0 && rejected[0].Row == item.Row:
			why, rejected, outcome = rejected[0].Rejection, rejected[1:], pipeline.DeadLettered
		case idle:
			outcome = pipeline.Skipped
		}
		if !c.Settle(int(item.Row), outcome) {
			continue
		}
		ended[outcome]++
		switch outcome {
		case pipeline.DeadLettered:
			s.plan.rows.Rejected(why)
		case pipeline.Skipped:
			s.plan.rows.Skipped(skip, 1)
		}
	}
	for _, outcome := range pipeline.Outcomes {
		if n := ended[outcome]; n > 0 {
			s.plan.rows.Settled(outcome, n)
		}
	}
}

// idle is why a row changes nothing, as far as it knows itself: it is not a member, and was not there before.
func (t *says) idle(tombstone bool) (pipeline.SkipReason, bool) {
	switch {
	case tombstone:
		return pipeline.SkipTombstone, true
	case t.member && len(t.now) == 0 && t.kept == 0 && t.created:
		return pipeline.SkipNoIdentifier, true
	case t.member || !t.created:
		return "", false
	case t.filtered:
		return pipeline.SkipFiltered, true
	}
	return pipeline.SkipNotMember, true
}
