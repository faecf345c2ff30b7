package replay

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
)

// sending is a replay under way. Its reader is one goroutine; chunks settle in others.
type sending struct {
	replay   *Replay
	sources  *sources
	ctx      context.Context // of chunks
	stop     context.CancelCauseFunc
	permits  chan struct{} // one for each chunk under way
	settling sync.WaitGroup
	pending  map[string][]*deadletter.Dead // by sync: the next chunk's
	sent     map[string]int                // by sync: rows handed on
	taken    int64
}

// read hands on every letter of the plan, in chunks by sync.
func (s *sending) read(ctx context.Context) error {
	err := deadletter.Scan(ctx, daemon.LettersIn(s.replay.wiring.Admin), s.replay.span, &s.replay.options.Filter, func(r *pipeline.Record, h *deadletter.Head, chosen bool) error {
		if chosen {
			if err := s.letter(ctx, r, h); err != nil {
				return err
			}
		}
		if s.replay.options.Limit > 0 && s.taken == s.replay.options.Limit {
			return admin.ErrStop
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	for name := range s.pending {
		if err := s.offer(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (s *sending) letter(ctx context.Context, r *pipeline.Record, h *deadletter.Head) error {
	name := string(h.Sync)
	if s.replay.choice(r, h) != toSend {
		return nil
	}
	d, err := deadletter.Parse(deadletter.Keep(r))
	if err != nil {
		return nil // its headers were read before: it is a letter
	}
	s.taken++
	s.pending[name] = append(s.pending[name], d)
	if len(s.pending[name]) < s.replay.chunk {
		return nil
	}
	return s.offer(ctx, name)
}

// offer hands a sync's pending letters to the router as a chunk, and leaves it to settle.
func (s *sending) offer(ctx context.Context, name string) error {
	list := s.pending[name]
	delete(s.pending, name)
	if len(list) == 0 {
		return nil
	}
	if pace := s.replay.pace; pace != nil {
		for range list {
			if err := pace.Wait(ctx); err != nil {
				return err
			}
		}
	}
	list, err := s.sendable(ctx, name, list)
	if err != nil || len(list) == 0 {
		return err
	}
	select {
	case s.permits <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	settled := make(chan struct{})
	s.settling.Go(func() {
		defer func() { <-s.permits; close(settled) }()
		if of := s.replay.syncs[name]; of.sync.IsAudience() { // members keep their order
			of.order.Lock()
			defer of.order.Unlock()
		}
		s.settle(name, list)
	})
	if s.sent[name] += len(list); s.sent[name] <= chunkRows {
		select { // alone until the rejection guard has its rows: a shorter chunk would reach it first and be written again
		case <-settled:
		case <-ctx.Done():
		}
	}
	return nil
}

// settle sees a chunk through: it is offered until every row has settled, or its context ends.
func (s *sending) settle(name string, list []*deadletter.Dead) {
	records := make([]pipeline.Record, len(list))
	for i, d := range list {
		records[i] = d.Record
	}
	chunk := pipeline.NewChunk(records)
	for tries := 0; chunk.Left() > 0 && s.ctx.Err() == nil; tries++ {
		if tries == 5 {
			s.stop(fmt.Errorf("sync %s: rows from %s on do not settle", name, list[0].At.String()))
			break
		}
		ticket := s.sources.offer(name)(s.ctx, chunk)
		select {
		case <-ticket.Acked:
		case <-ticket.Nacked:
		case <-s.ctx.Done():
		}
	}
	s.settled(name, chunk, list)
}

// settled counts the rows that have ended; the others stay open for the next replay.
func (s *sending) settled(name string, chunk *pipeline.Chunk, list []*deadletter.Dead) {
	for i := range list {
		if o := chunk.Settled(i); o == pipeline.Delivered {
			s.replay.count(func(r *Report) {
				if r.Delivered++; s.replay.syncs[name].sync.Kind() == daemon.KindSegment {
					r.Owned++
				}
			})
		}
	}
	if s.replay.options.Progress != nil {
		s.replay.options.Progress(int64(len(list)))
	}
}

func (r *Replay) count(change func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
}

// watch reports what holds the replay up, and stops it for what does not pass by itself.
func (s *sending) watch(ctx context.Context, cutOff func()) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	said := map[string]pipeline.TroubleKind{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for name := range s.replay.syncs {
			for _, t := range s.replay.wiring.Status.Troubles(name) {
				if t.Stop {
					s.stop(stopped(name, t.Trouble))
					cutOff()
					return
				}
				if s.replay.options.Notice != nil && said[name] != t.Kind {
					said[name] = t.Kind
					s.replay.options.Notice(fmt.Sprintf("sync %s waits: %s", name, t.Error()))
				}
			}
		}
	}
}

func stopped(sync string, t *pipeline.Trouble) error {
	if t.Kind == pipeline.TroubleRejected {
		what, _, _ := strings.Cut(t.What, ": correct")
		return fmt.Errorf("sync %s: %w: %s; these rows were not written again", sync, ErrTooManyFailures, what)
	}
	return fmt.Errorf("sync %s: %w", sync, t)
}
