package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Run serves the admin address and runs every sync until ctx ends. Then it stops in the order of the data: intake,
// handlers, batches, settle, commit, leave the groups; the admin address goes last. It returns ErrUndrained when the
// deadline was missed.
func (d *Daemon) Run(ctx context.Context) error {
	listener, err := net.Listen("tcp", d.Config.Admin.address())
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

// prepare waits for Kafka, however long, makes sure that the topics of our own are there, and reads what they remember.
func (d *Daemon) prepare(ctx context.Context) error {
	if err := d.insist(ctx, pipeline.TroubleKafka, d.admin.Ping); err != nil {
		return nil // ctx ended
	}
	if refused, err := d.ownTopicsThere(ctx); err != nil || refused != nil {
		return refused
	}
	for _, restore := range d.restores {
		if err := d.insist(ctx, pipeline.TroubleState, restore); err != nil {
			return nil
		}
	}
	return nil
}

// ownTopicsThere waits for the topics of our own and the right to use them. refused is why that is hopeless: a topic is
// missing, and the configuration forbids to create it. err is non-nil when ctx ends.
func (d *Daemon) ownTopicsThere(ctx context.Context) (refused, err error) {
	err = d.insist(ctx, pipeline.TroubleKafka, func(ctx context.Context) error {
		trouble := d.ensureTopics(ctx)
		if missing, ok := errors.AsType[*kafka.MissingTopic](trouble); ok {
			refused = missing
			return nil
		}
		return trouble
	})
	return refused, err
}

// insist tries until it works, and says on the board what every sync waits for. It fails only when ctx ends.
func (d *Daemon) insist(ctx context.Context, kind pipeline.TroubleKind, do func(context.Context) error) error {
	const source = "start"
	defer func() {
		for i := range d.Config.Syncs {
			d.Board.Clear(d.Config.Syncs[i].Name, source)
		}
	}()
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		for i := range d.Config.Syncs {
			if d.Board.Set(d.Config.Syncs[i].Name, source, &pipeline.Trouble{Kind: kind, What: err.Error()}) && i == 0 {
				d.Log.Error("cannot start yet; trying again", "kind", kind, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// ensureTopics makes sure that the topics of our own are there, and learns how many partitions they have.
func (d *Daemon) ensureTopics(ctx context.Context) error {
	wanted, err := d.ownTopics(ctx)
	if err != nil {
		return err
	}
	warnings, err := d.admin.EnsureTopics(ctx, d.Config.DeadLetter.Creates(), wanted...)
	for _, w := range warnings {
		d.Log.Warn(w)
	}
	if err != nil {
		return err
	}
	there, err := d.admin.Topics(ctx, wanted[0].Name, wanted[1].Name)
	if err != nil {
		return err
	}
	partitions := map[string]int{}
	for name, t := range there {
		partitions[name] = t.Partitions
	}
	d.partitions.Store(&partitions)
	return nil
}

// ownTopics are the topics of our own that have to be there. The rejected topic has as many partitions as the largest
// source topic, so that the order per key survives.
func (d *Daemon) ownTopics(ctx context.Context) ([]kafka.Wanted, error) {
	c := d.Config.DeadLetter.WithDefaults()
	partitions := c.Partitions
	for i := range d.Config.Syncs {
		topics, err := d.Config.Syncs[i].topics(ctx, d.admin)
		if err != nil {
			return nil, err
		}
		sources, err := d.admin.Topics(ctx, topics...)
		if err != nil {
			return nil, err
		}
		for _, t := range sources {
			partitions = cmp.Or(c.Partitions, max(partitions, t.Partitions, 3))
		}
	}
	own := []kafka.Wanted{
		{Name: c.RejectedTopic, Partitions: partitions, Retention: c.Retention.Std()},
		{Name: c.FailedTopic, Partitions: 1, Retention: c.Retention.Std()},
	}
	if d.state != nil {
		own = append(own, kafka.Wanted{Name: d.Config.stateTopic(), Partitions: 1, Compact: true})
	}
	for i := range d.Config.Syncs {
		if parts := d.segments[d.Config.Syncs[i].Name]; parts != nil && parts.members != nil {
			own = append(own, kafka.Wanted{Name: d.Config.membersTopic(&d.Config.Syncs[i]), Compact: true})
		}
	}
	return own, nil
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
	checks := []Check{{"kafka", d.admin.Ping(ctx)}, {"schema registry", d.registry.Ping(ctx)}}
	for i := range d.Config.Syncs {
		name := d.Config.Syncs[i].Name
		check := Check{Name: "sync " + name}
		for _, t := range d.Board.Troubles(name) {
			if t.Kind == pipeline.TroubleKafka || t.Kind == pipeline.TroubleRegistry {
				check.Err = t.Trouble
			}
		}
		checks = append(checks, check)
	}
	return checks
}
