package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/router"
)

// Run replays what Plan found. When ctx ends, or something stops it, rows under way may still settle; the report then
// has what is left, and the next replay of the same name goes on from there.
func (r *Replay) Run(ctx context.Context) (*Report, error) {
	sources := newSources(len(r.syncs))
	streams, err := r.streams(sources)
	if err != nil {
		return nil, err
	}
	var routes []router.Sync
	for _, s := range streams {
		routes = append(routes, s.Route)
	}
	rt, err := router.New(router.Options{Syncs: routes, Status: r.wiring.Status, Log: r.wiring.Log, Stop: drainReplay + delivery.Grace})
	if err != nil {
		return nil, err
	}
	if err := r.await(ctx, streams); err != nil || ctx.Err() != nil {
		return r.finish(), errors.Join(err, context.Cause(ctx))
	}
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	var services sync.WaitGroup
	services.Go(func() { r.wiring.Serve(behind) })
	for _, s := range streams {
		services.Go(func() { _ = s.Queue.Run(behind) }) // always nil
		services.Go(func() { s.Serve(behind) })
	}
	routing, endRouting := context.WithCancel(behind)
	services.Go(func() { _ = rt.Run(routing) }) // its sources end without errors
	err = r.send(ctx, sources)
	endRouting()
	stop()
	services.Wait()
	err = errors.Join(err, r.save(context.WithoutCancel(ctx)))
	return r.finish(), err
}

// finish completes the report with what the steps counted.
func (r *Replay) finish() *Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.syncs {
		counts, err := r.wiring.Metrics.Counts(name)
		if err != nil {
			continue // the registry is our own and can always be read
		}
		for reason, n := range counts.Rejected {
			addTo(r.report.Rejected, reason, n)
		}
		for reason, n := range counts.Skipped {
			addTo(r.report.Skipped, reason, n)
		}
	}
	r.report.Left = r.report.Rows - r.report.settled()
	return &r.report
}

func addTo[K comparable](counts map[K]int64, what K, n int64) {
	if n > 0 {
		counts[what] += n
	}
}

// send reads the letters and hands them on, until all are settled or something stops it.
func (r *Replay) send(ctx context.Context, sources *sources) error {
	select {
	case <-sources.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	reading, stop := context.WithCancelCause(ctx)
	chunks, cutOff := context.WithCancel(context.WithoutCancel(ctx)) // rows under way outlive the reading
	defer cutOff()
	s := &sending{replay: r, sources: sources, ctx: chunks, permits: make(chan struct{}, chunkWindow),
		pending: map[string][]*deadletter.Dead{}, sent: map[string]int{}, stop: stop}
	watching := make(chan struct{})
	go func() { s.watch(reading, cutOff); close(watching) }()
	err := s.read(reading)
	if reading.Err() != nil {
		err = context.Cause(reading)
		time.AfterFunc(drainReplay, cutOff)
	}
	s.settling.Wait()
	if err == nil {
		err = context.Cause(reading)
	}
	stop(nil)
	<-watching
	return err
}

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
		s.replay.seen.read(r.Partition, r.Offset)
		if s.replay.options.Limit > 0 && s.taken == s.replay.options.Limit {
			return kafka.ErrStop
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
	if s.replay.options.Limit == 0 || s.taken < s.replay.options.Limit {
		s.readAll()
	}
	return nil
}

// readAll notes that nothing is left before the ends, also where the last records were not letters.
func (s *sending) readAll() {
	for id, end := range s.replay.span.To {
		s.replay.seen.read(id, end-1)
	}
}

func (s *sending) letter(ctx context.Context, r *pipeline.Record, h *deadletter.Head) error {
	name := string(h.Sync)
	p := s.replay.wants(r, h)
	if p == nil || !s.replay.allowed(p, name) {
		return nil
	}
	d, err := deadletter.Parse(deadletter.Keep(r))
	if err != nil {
		return nil // its headers were read before: it is a letter
	}
	s.taken++
	p.begin(r.Partition, r.Offset)
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
	list, err := s.sendable(ctx, list)
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
			s.stop(fmt.Errorf("sync %s: rows from %s on do not settle", name, deadletter.PlaceText(list[0].At)))
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

// settled counts the rows that have ended; the others stay for the next replay.
func (s *sending) settled(name string, chunk *pipeline.Chunk, list []*deadletter.Dead) {
	for i, d := range list {
		o := chunk.Settled(i)
		if o == pipeline.Unsettled {
			continue
		}
		s.done(d)
		if o == pipeline.Delivered {
			s.replay.count(func(r *Report) { r.Delivered++ })
		}
	}
	if err := s.replay.save(context.WithoutCancel(s.ctx)); err != nil {
		s.stop(err)
	}
	if s.replay.options.Progress != nil {
		s.replay.options.Progress(int64(len(list)))
	}
}

// done notes that a letter is done with.
func (s *sending) done(d *deadletter.Dead) {
	s.replay.syncs[d.Sync].progress(d.Replays).end(d.At.Partition, d.At.Offset)
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
