package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Run serves the admin address and runs every sync until ctx ends. Then it stops in the order of the data: intake,
// handlers, batches, settle, commit, leave the groups; the admin address goes last. It returns ErrUndrained when the
// deadline was missed.
func (d *Daemon) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", d.Wiring.Config.Admin.Listen)
	if err != nil {
		return fmt.Errorf("admin.listen: %w", err)
	}
	return d.RunOn(ctx, listener)
}

// RunOn is Run with the admin address already open.
func (d *Daemon) RunOn(ctx context.Context, listener net.Listener) error {
	defer d.Wiring.Close()
	behind, stop := context.WithCancel(context.WithoutCancel(ctx)) // what syncs need until they have drained
	defer stop()
	var services errgroup.Group
	handler, page := d.handler(listener)
	services.Go(func() error { return d.serveAdmin(behind, listener, handler) })
	services.Go(func() error { return runPage(behind, page) })
	services.Go(func() error { d.Wiring.Serve(behind); return nil })
	for _, s := range d.streams {
		services.Go(func() error { return s.Queue.Run(behind) })
	}
	d.Wiring.Log.Info("started", "syncs", len(d.Wiring.Config.Syncs), "admin", listener.Addr().String())
	err := d.syncs(ctx, behind)
	stop()
	return errors.Join(err, ignoreEnd(services.Wait()))
}

// syncs runs the router once Kafka is there, our own topics are, and what they remember is read.
func (d *Daemon) syncs(ctx, behind context.Context) error {
	if err := d.Wiring.AwaitTopics(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if d.awaitOrders(ctx) != nil {
		return nil // ctx ended
	}
	var services sync.WaitGroup
	defer services.Wait()
	serving, stop := context.WithCancel(behind)
	defer stop()
	services.Go(func() { d.keepTopics(serving) })
	services.Go(func() { d.obey(serving) })
	key := d.reportKey()
	services.Go(func() { d.report(serving, key) })
	services.Go(func() { d.tellOperators(serving, key) })
	services.Go(func() { d.counted.Run(serving) })
	services.Go(func() { d.Wiring.audiences.run(serving) })
	for _, s := range d.streams {
		services.Go(func() { s.Serve(serving) })
	}
	for name, job := range d.files {
		services.Go(func() { _ = d.serveFile(serving, name, job) }) // what it fails at shows in the status
	}
	if len(d.streams) == 0 { // only files: there is no stream to route
		<-ctx.Done()
		return nil
	}
	err := ignoreEnd(d.router.Run(ctx))
	if missed, ok := errors.AsType[*kafka.DrainMissed](err); ok {
		d.Wiring.Log.Error("stopped before everything was settled", "error", missed.Error())
		return errors.Join(ErrUndrained, err)
	}
	return err
}

// handler is all that the admin address answers; page is nil without one.
func (d *Daemon) handler(listener net.Listener) (all, page http.Handler) {
	mux := http.NewServeMux()
	d.probes(mux)
	if d.Wiring.options.Page != nil {
		page = d.Wiring.options.Page(d)
		mux.Handle("/", page)
	}
	at, ok := listener.Addr().(*net.TCPAddr)
	return d.Wiring.Config.Admin.guard(mux, ok && at.IP.IsLoopback(), d.Wiring.Log), page
}

// ignoreEnd drops the error that only means that we are to stop.
func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Checks are what the daemon needs to work, and whether it has it. A schema registry that is away holds syncs up, and is
// nothing a pod is unready for: a rollout that corrects its address would wait for it.
func (d *Daemon) Checks(ctx context.Context) []Check {
	w := d.Wiring
	checks := []Check{{Name: "kafka", Err: w.Admin.Ping(ctx)}, {Name: "schema registry"}}
	if err := w.Registry.Ping(ctx); err != nil {
		checks[1].Held = "held up: " + err.Error()
	}
	for _, name := range w.syncNames() {
		check := Check{Name: "sync " + name}
		for _, t := range w.Status.Troubles(name) {
			if t.Kind == pipeline.TroubleKafka {
				check.Err = t.Trouble
			} else if check.Held == "" {
				check.Held = "held up: " + t.Error()
			}
		}
		checks = append(checks, check)
	}
	return checks
}

// CaughtUp reports whether every sync that reads a stream has settled and committed all that its topics hold now.
func (d *Daemon) CaughtUp(ctx context.Context) bool {
	return !slices.ContainsFunc(d.streams, func(s *Stream) bool { return !s.caughtUp(ctx) })
}

func (s *Stream) caughtUp(ctx context.Context) bool {
	w := s.wiring
	topics, err := s.Sync.SourceTopics(ctx, w.Admin)
	if _, none := errors.AsType[*NoTopic](err); none {
		return true
	}
	if err != nil {
		return false
	}
	read := w.isRead(ctx, w.Config.GroupOf(s.Sync), topics...)
	if s.streamed == nil || !read {
		return read
	}
	of := s.stages.Load()
	return of != nil && !slices.ContainsFunc(stagesOf(of.prefix), func(g groupTopic) bool { return !w.isRead(ctx, g.group, g.topic) })
}
