package segment

import (
	"context"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// ReplayDeps are a Replays' neighbours.
type ReplayDeps struct {
	Sync        string
	Tell        func(ctx context.Context, tell func(owners.Write)) error // writes to owners; it fails only when ctx ends
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

	committed sync.Map // by partition
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
	var rows []int // of items
	until := time.Now().Add(commitWithin)
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
		read, err := s.isRead(ctx, r, until)
		if err != nil {
			return err
		}
		if outcomes[row] = pipeline.Skipped; read {
			outcomes[row] = pipeline.Delivered
			rows = append(rows, i)
		}
	}
	if len(letters) > 0 {
		if err := s.deps.DeadLetters.Rows(ctx, letters); err != nil {
			return err
		}
	}
	err := s.deps.Tell(ctx, func(write owners.Write) {
		for _, i := range rows {
			s.row(items.Body(i), &c.Records[items.List[i].Row], write)
		}
	})
	if err != nil {
		return err
	}
	s.settle(c, outcomes, letters)
	return nil
}

// commitWithin is how long a row may wait for the sync to commit it: its dead letter is there a moment before that.
const commitWithin = 15 * time.Second

// isRead reports whether the sync is behind a row.
func (s *Replays) isRead(ctx context.Context, r *pipeline.Record, until time.Time) (bool, error) {
	key := partition{r.Topic, r.Partition}
	backoff := pipeline.Backoff{First: 200 * time.Millisecond, Most: 5 * time.Second}
	for tries := 0; r.Offset >= s.known(key); tries++ {
		at, err := s.deps.Committed(ctx, r.Topic, r.Partition)
		if err == nil {
			s.committed.Store(key, at)
		}
		switch {
		case r.Offset < at:
			return true, nil
		case err == nil && time.Now().After(until):
			return false, nil
		}
		if err := backoff.Wait(ctx, tries); err != nil {
			return false, err
		}
	}
	return true, nil
}

// partition is one of a source.
type partition struct {
	topic string
	id    int32
}

func (s *Replays) known(key partition) int64 {
	at, _ := s.committed.Load(key)
	offset, _ := at.(int64)
	return offset
}

// row writes what a replayed row says.
func (s *Replays) row(body []byte, r *pipeline.Record, write owners.Write) {
	says := readSays(body)
	a := says.assertion(r)
	a.What = owners.OfReplay
	s.assert.Row(r.Topic, s.deps.Identity(r), &a, write)
	owners.SayAgain(s.topics, a.Digests, owners.TagOf(s.deps.Sync), a.Source, write)
}

func (s *Replays) settle(c *pipeline.Chunk, outcomes map[int32]pipeline.Outcome, letters []pipeline.Letter) {
	var ended [len(pipeline.Outcomes) + 1]int
	asserted, overtaken := &pipeline.Told{Asserted: true}, &pipeline.Told{Skip: pipeline.SkipDuplicateReplay}
	for row, o := range outcomes {
		switch o {
		case pipeline.Delivered:
			c.Tell(int(row), asserted)
		case pipeline.Skipped:
			c.Tell(int(row), overtaken)
		}
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
