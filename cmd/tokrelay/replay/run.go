package replay

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/router"
)

// Run replays what Plan found. When ctx ends, or something stops it, rows under way may still settle; the report then
// has what is left, and the next replay of the same name goes on from there. The list of actions has it.
func (r *Replay) Run(ctx context.Context) (*Report, error) {
	acting := r.wiring.Begin(ctx, r.action())
	progress := r.options.Progress
	r.options.Progress = func(rows int64) {
		if acting.Did(rows); progress != nil {
			progress(rows)
		}
	}
	report, err := r.run(ctx)
	acting.End(report.words(), err)
	return report, err
}

func (r *Replay) run(ctx context.Context) (*Report, error) {
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
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	var services sync.WaitGroup
	services.Go(func() { r.wiring.Serve(behind) })
	for _, s := range streams { // a queue has to run to its end: it leaves the gate then, which may be the daemon's
		services.Go(func() { _ = s.Queue.Run(behind) }) // always nil
		services.Go(func() { s.Serve(behind) })
	}
	if err := r.await(ctx, streams); err != nil || ctx.Err() != nil {
		stop()
		services.Wait()
		return r.finish(), errors.Join(err, context.Cause(ctx))
	}
	routing, endRouting := context.WithCancel(behind)
	services.Go(func() { _ = rt.Run(routing) }) // its sources end without errors
	err = r.send(ctx, sources)
	endRouting()
	stop()
	services.Wait()
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
