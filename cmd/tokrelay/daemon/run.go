package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Run serves the admin address and runs every sync until ctx ends. Then it stops in the order of the data: intake,
// handlers, batches, settle, commit, leave the groups; the admin address goes last. It returns ErrUndrained when the
// deadline was missed.
func (d *Daemon) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", d.Config.Admin.Listen)
	if err != nil {
		return fmt.Errorf("admin.listen: %w", err)
	}
	return d.RunOn(ctx, listener)
}

// RunOn is Run with the admin address already open.
func (d *Daemon) RunOn(ctx context.Context, listener net.Listener) error {
	defer d.close()
	behind, stop := context.WithCancel(context.WithoutCancel(ctx)) // what syncs need until they have drained
	defer stop()
	var services errgroup.Group
	handler, page := d.handler(listener)
	services.Go(func() error { return d.serveAdmin(behind, listener, handler) })
	services.Go(func() error { return runPage(behind, page) })
	services.Go(func() error { return d.runCalls(behind) })
	for _, q := range d.queues {
		services.Go(func() error { return q.Run(behind) })
	}
	d.Log.Info("started", "syncs", len(d.Config.Syncs), "admin", listener.Addr().String())
	err := d.syncs(ctx, behind)
	stop()
	return errors.Join(err, ignoreEnd(services.Wait()))
}

// syncs runs the router once Kafka is there, our own topics are, and what they remember is read.
func (d *Daemon) syncs(ctx, behind context.Context) error {
	if err := d.prepare(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	var services errgroup.Group
	defer services.Wait()
	beside, stop := context.WithCancel(behind)
	defer stop()
	for _, run := range d.services {
		services.Go(func() error { return run(beside) })
	}
	if len(d.queues) == 0 { // only files: there is no stream to route
		<-ctx.Done()
		return nil
	}
	err := ignoreEnd(d.router.Run(ctx))
	if missed, ok := errors.AsType[*kafka.DrainMissed](err); ok {
		d.Log.Error("stopped before everything was settled", "error", missed.Error())
		return errors.Join(ErrUndrained, err)
	}
	return err
}

// handler is all that the admin address answers; page is nil without one.
func (d *Daemon) handler(listener net.Listener) (all, page http.Handler) {
	mux := http.NewServeMux()
	d.probes(mux)
	if d.options.Page != nil {
		page = d.options.Page(d)
		mux.Handle("/", page)
	}
	at, ok := listener.Addr().(*net.TCPAddr)
	return d.Config.Admin.guard(mux, ok && at.IP.IsLoopback(), d.Log), page
}

func (d *Daemon) close() {
	d.producer.Close()
	d.admin.Close()
	d.callsTopic.close()
}

// ignoreEnd drops the error that only says that we were told to stop.
func ignoreEnd(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Checks are what the daemon needs to work, and whether it has it.
func (d *Daemon) Checks(ctx context.Context) []Check {
	checks := []Check{{Name: "kafka", Err: d.admin.Ping(ctx)}, {Name: "schema registry", Err: d.registry.Ping(ctx)}}
	for i := range d.Config.Syncs {
		name := d.Config.Syncs[i].Name
		check := Check{Name: "sync " + name}
		for _, t := range d.Status.Troubles(name) {
			if t.Kind == pipeline.TroubleKafka || t.Kind == pipeline.TroubleRegistry {
				check.Err = t.Trouble
			} else if check.Held == "" {
				check.Held = "held up: " + t.Error()
			}
		}
		checks = append(checks, check)
	}
	return checks
}
