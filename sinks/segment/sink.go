package segment

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Queue sends items and settles their rows; it is pipeline/delivery's.
type Queue interface {
	Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error
}

// DeadLetters takes rows that turn out to be useless only when the member's past is known. It returns nil once Kafka has
// acknowledged them, and an error only when ctx ended.
type DeadLetters interface {
	Rows(ctx context.Context, letters []pipeline.Letter) error
}

// Audiences finds audiences, or creates them.
type Audiences interface {
	// IDs are the audience's ids at TikTok, one per advertiser; name is what a row calls it, nothing for the sync's own.
	// The error is a *pipeline.Trouble, an *audience.Refused or an *audience.Held.
	IDs(ctx context.Context, name string) ([]string, error)
}

// Deps are a Sink's neighbours.
type Deps struct {
	Sync        string
	Queue       Queue
	DeadLetters DeadLetters
	Audiences   Audiences
	Memory      Memory                          // required if the Plan remembers
	Identity    func(r *pipeline.Record) []byte // what tells a record's row from the others of its topic; nil: its key
	Framings    func(topic string) [][]byte     // what else the keys of a topic may have begun with; nil: nothing
	Formers     func(topic string) []string     // what a topic was called before; nil: nothing else. Known once Audiences has found the own audience
	Generation  func() uint64                   // grows with every full resync; nil: always 0
	Status      *pipeline.Status                // nil: none
	Log         *slog.Logger                    // nil: none
}

// Sink takes the chunks of a sync. It wants the chunks of one partition one after the other; those of several partitions
// may come at the same time.
type Sink struct {
	plan    *Plan
	deps    Deps
	members locks // members whose state is being read and written
	claims  locks // claims that calls under way add or delete (P2)
	flushes sync.Pool
	former  sync.Map    // topic → what it was called before
	doubted chan *flush // chunks that are to be looked at again
}

// NewSink puts a sink together.
func NewSink(p *Plan, deps Deps) *Sink {
	if deps.Status == nil {
		deps.Status = pipeline.NewStatus(time.Now)
	}
	deps.Log = cmp.Or(deps.Log, slog.New(slog.DiscardHandler))
	s := &Sink{plan: p, deps: deps, doubted: make(chan *flush, 64)}
	s.flushes.New = func() any { return new(flush) }
	return s
}

// Deliver brings TikTok up to date with the transitions that the sync's Makers made of a chunk, and settles their rows. It
// fails only when ctx ends; then the chunk is to come again.
func (s *Sink) Deliver(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
	return s.deliver(ctx, c, func(f *flush) { f.take(items) })
}

// deliver is Deliver for the rows that take puts into the flush.
func (s *Sink) deliver(ctx context.Context, c *pipeline.Chunk, take func(*flush)) error {
	f := s.flushes.Get().(*flush)
	f.reset(s, c)
	take(f)
	defer s.finish(ctx, f)
	if _, err := f.audiences(ctx, nil); err != nil { // before anything: the sync may not be allowed to go on
		return err
	}
	if err := f.dismiss(ctx); err != nil {
		return err
	}
	plan := f.planByImages
	if s.plan.remembers {
		plan = f.planByMemory
	}
	if err := plan(ctx); err != nil {
		return err
	}
	if err := f.send(ctx); err != nil {
		f.settleFollowers(ctx)
		return err
	}
	if s.plan.remembers {
		if err := f.remember(ctx); err != nil {
			return err
		}
	}
	if err := f.settle(ctx); err != nil {
		return err
	}
	return f.outlast(ctx)
}
