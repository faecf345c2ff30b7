package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Run replays what Plan found. When ctx ends, or something stops it, rows on their way may still settle; the report then
// says what is left, and the next replay of the same name goes on from there.
func (r *Replay) Run(ctx context.Context) (*ReplayReport, error) {
	sources := newSources(len(r.lanes))
	rt, err := r.newRouter(sources)
	if err != nil {
		return nil, err
	}
	if err := r.prepare(ctx); err != nil || ctx.Err() != nil {
		return r.finish(), errors.Join(err, context.Cause(ctx))
	}
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	var services sync.WaitGroup
	for _, q := range r.queues {
		services.Go(func() { _ = q.Run(behind) }) // always nil
	}
	services.Go(func() { _ = r.runCalls(behind) }) // always nil
	for _, run := range r.services {
		services.Go(func() { _ = run(behind) }) // what it fails at shows in the status
	}
	routing, endRouting := context.WithCancel(behind)
	services.Go(func() { _ = rt.Run(routing) }) // its sources end without errors
	err = r.turn(ctx, sources)
	endRouting()
	stop()
	services.Wait()
	err = errors.Join(err, r.save(context.WithoutCancel(ctx)))
	return r.finish(), err
}

// finish completes the report with what the steps counted.
func (r *Replay) finish() *ReplayReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range r.lanes {
		counts, err := r.Metrics.Counts(name)
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

// turn reads the letters and hands them on, until all are settled or something stops it.
func (r *Replay) turn(ctx context.Context, sources *sources) error {
	select {
	case <-sources.ready:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	reading, stop := context.WithCancelCause(ctx)
	chunks, cutOff := context.WithCancel(context.WithoutCancel(ctx)) // rows on their way outlive the reading
	defer cutOff()
	s := &sending{Replay: r, sources: sources, ctx: chunks, room: make(chan struct{}, replayWindow),
		pending: map[string][]*deadletter.Dead{}, sent: map[string]int{}, stop: stop}
	watching := make(chan struct{})
	go func() { s.watch(reading, cutOff); close(watching) }()
	err := s.read(reading)
	if reading.Err() != nil {
		err = context.Cause(reading)
		time.AfterFunc(drainReplay, cutOff)
	}
	s.flying.Wait()
	if err == nil {
		err = context.Cause(reading)
	}
	stop(nil)
	<-watching
	return err
}

// sending is a replay under way. Its reader is one goroutine; chunks settle in others.
type sending struct {
	*Replay
	sources *sources
	ctx     context.Context // of chunks
	stop    context.CancelCauseFunc
	room    chan struct{}
	flying  sync.WaitGroup
	pending map[string][]*deadletter.Dead // by sync: the next chunk's
	sent    map[string]int                // by sync: rows handed on
	taken   int64
}

// read hands on every letter of the plan, in chunks by sync.
func (s *sending) read(ctx context.Context) error {
	err := deadletter.Scan(ctx, LettersIn(s.admin), s.span, &s.o.Filter, func(r *pipeline.Record, h *deadletter.Head, chosen bool) error {
		if chosen {
			if err := s.letter(ctx, r, h); err != nil {
				return err
			}
		}
		s.seen.read(r.Partition, r.Offset)
		if s.o.Limit > 0 && s.taken == s.o.Limit {
			return kafka.ErrStop
		}
		return ctx.Err()
	})
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	for name := range s.pending {
		if err := s.send(ctx, name); err != nil {
			return err
		}
	}
	if s.o.Limit == 0 || s.taken < s.o.Limit {
		s.readAll()
	}
	return nil
}

// readAll notes that nothing is left before the ends, also where the last records were none.
func (s *sending) readAll() {
	for id, end := range s.span.To {
		s.seen.read(id, end-1)
	}
}

func (s *sending) letter(ctx context.Context, r *pipeline.Record, h *deadletter.Head) error {
	name := string(h.Sync)
	lane := s.wants(r, h)
	if lane == nil || !s.allowed(lane, name) {
		return nil
	}
	d, err := deadletter.Parse(deadletter.Keep(r))
	if err != nil {
		return nil // its headers were read before: it is a letter
	}
	s.taken++
	lane.begin(r.Partition, r.Offset)
	s.pending[name] = append(s.pending[name], d)
	if len(s.pending[name]) < s.chunk {
		return nil
	}
	return s.send(ctx, name)
}

// send offers a sync's pending letters as a chunk and leaves it to settle.
func (s *sending) send(ctx context.Context, name string) error {
	list := s.pending[name]
	delete(s.pending, name)
	if len(list) == 0 {
		return nil
	}
	if s.pace != nil {
		for range list {
			if err := s.pace.Wait(ctx); err != nil {
				return err
			}
		}
	}
	list, err := s.prepare(ctx, list)
	if err != nil || len(list) == 0 {
		return err
	}
	select {
	case s.room <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	settled := make(chan struct{})
	s.flying.Go(func() {
		defer func() { <-s.room; close(settled) }()
		if l := s.lanes[name]; l.sync.IsAudience() { // members keep their order
			l.order.Lock()
			defer l.order.Unlock()
		}
		s.settle(name, list)
	})
	if s.sent[name] += len(list); s.sent[name] <= replayChunk {
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

// settled takes the rows that have ended off the progress; the others stay for the next replay.
func (s *sending) settled(name string, chunk *pipeline.Chunk, list []*deadletter.Dead) {
	for i, d := range list {
		o := chunk.Settled(i)
		if o == pipeline.Unsettled {
			continue
		}
		s.done(d)
		if o == pipeline.Delivered {
			s.add(func(r *ReplayReport) { r.Delivered++ })
		}
	}
	if err := s.save(context.WithoutCancel(s.ctx)); err != nil {
		s.stop(err)
	}
	if s.o.Progress != nil {
		s.o.Progress(int64(len(list)))
	}
}

// done takes a letter off its lane.
func (s *sending) done(d *deadletter.Dead) {
	l := s.lanes[d.Sync]
	lane := l.plain
	if d.Replays >= MostReplays {
		lane = l.insist
	}
	lane.end(d.At.Partition, d.At.Offset)
}

func (r *Replay) add(change func(*ReplayReport)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.report)
}

// watch tells what holds the replay up, and stops it for what does not pass by itself.
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
		for name := range s.lanes {
			for _, t := range s.Status.Troubles(name) {
				if t.Stop {
					s.stop(stopped(name, t.Trouble))
					cutOff()
					return
				}
				if s.o.Notice != nil && said[name] != t.Kind {
					said[name] = t.Kind
					s.o.Notice(fmt.Sprintf("sync %s waits: %s", name, t.Error()))
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
