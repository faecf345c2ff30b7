package router

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// Letters writes dead letters: it returns nil when all are acknowledged, or an error when ctx ended first.
type Letters interface {
	Rows(ctx context.Context, letters []pipeline.Letter) error
}

// Sync is what the router needs to know of a sync.
type Sync struct {
	Name     string
	Topic    string // for logs: what the sync reads
	Source   Source
	NewSteps func() pipeline.Steps // called once per worker; workers are as many as chunks in flight
	Letters  Letters
	// Deliver returns nil when every row that has items has settled, and an error only when ctx ended. It counts what it
	// settles in the sync's metrics. It skips rows that have settled before.
	Deliver func(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error
	// Outcomes writes how the rows of a chunk ended that are not dead letters, before the chunk is acked; it fails only when ctx ended. Nil:
	// outcomes are not kept.
	Outcomes      func(ctx context.Context, c *pipeline.Chunk, items *pipeline.Items) error
	Told          bool          // Deliver writes the outcomes itself
	RejectedShare RejectedShare // its zero value stops nothing
	// Watch has the guard of RejectedShare look after what Deliver sends; it returns what to call when a stop is over. Nil: rows
	// that are sent are not counted.
	Watch   func(g Guard) (goOn func())
	Metrics *Metrics      // nil: none
	Tracing *tracing.Sync // nil: none
}

// Guard counts how the rows end that Deliver sends, each once, as they do, and may stop the sync: nothing is sent then, and
// no letter written.
type Guard interface {
	Delivered() // at least one
	Refused(why *pipeline.Rejection)
	Stopped() bool
	Wait(ctx context.Context) error // until it is not stopped; an error only when ctx ended
}

// Options are the router's parts.
type Options struct {
	Syncs  []Sync
	Status *pipeline.Status
	Log    *slog.Logger
	// Stop is what sources and handlers may take to end: the router waits a little longer before it gives up.
	Stop time.Duration
}

// Router runs the handlers of all syncs.
type Router struct {
	router *message.Router
	syncs  []*handling
	subs   []*Subscriber
	stop   time.Duration // what stopping may take
}

// closeSlack is what the router waits beyond Options.Stop.
const closeSlack = 5 * time.Second

// New lays the handlers out; nothing runs yet.
func New(o Options) (*Router, error) {
	o = o.withDefaults()
	wm, err := message.NewRouter(message.RouterConfig{CloseTimeout: o.Stop + closeSlack}, quietLog{log: o.Log})
	if err != nil {
		return nil, fmt.Errorf("make the router: %w", err)
	}
	wm.AddMiddleware(middleware.Recoverer)
	r := &Router{router: wm, stop: o.Stop + closeSlack}
	for _, s := range o.Syncs {
		h := newHandling(s, o)
		sub := NewSubscriber(h.isolate(s.Source))
		h.addTo(wm, sub)
		r.syncs, r.subs = append(r.syncs, h), append(r.subs, sub)
	}
	return r, nil
}

func (o Options) withDefaults() Options {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Status == nil {
		o.Status = pipeline.NewStatus(time.Now)
	}
	return o
}

func (h *handling) addTo(wm *message.Router, from message.Subscriber) {
	wm.AddHandler(h.Name, h.Topic, from, "tiktok", publisher{}, h.handle)
}

// Run handles chunks until ctx ends; then the sources drain, the handlers finish, and Run returns what the sources
// returned: nil, a missed drain deadline, the reason why a sync could not run.
func (r *Router) Run(ctx context.Context) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- r.router.Run(running) }()
	errs := []error{r.until(ctx, stop, ended)}
	for _, s := range r.subs {
		errs = append(errs, s.Err())
	}
	return errors.Join(errs...)
}

// until waits for ctx and stops the router, unless it ends before. It is stopped only once it runs: Watermill forgets about
// sources that it is just starting. Without its context it has each source drain, and closes once all have. Its Close would
// hold locks that handlers wait for until the last of them has ended.
func (r *Router) until(ctx context.Context, stop func(), ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-r.router.Running():
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	stop()
	late := time.NewTimer(r.stop)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		return fmt.Errorf("stop the router: its sources or handlers have not ended after %s", r.stop)
	}
}

// Pause has a sync begin nothing any more, no call and no dead letter, until Resume. Calls in flight end.
func (r *Router) Pause(sync string) {
	for _, h := range r.syncs {
		if h.Name == sync {
			h.rejections.pause()
		}
	}
}

// Resume lets a sync go on that was paused, or stopped because too many of its rows were rejected, and reports whether it had. What
// it held back goes into the rejected topic. Until accept, a time that may be over, rejected rows do not stop it.
func (r *Router) Resume(sync string, accept time.Time) bool {
	for _, h := range r.syncs {
		if h.Name == sync {
			return h.rejections.resume(accept)
		}
	}
	return false
}
