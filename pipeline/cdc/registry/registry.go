package registry

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// Registry gives writer schemas by their id: from the folder, else from the registry. A schema never changes under its
// id, so it is asked for once and kept; several callers of one id wait for one request. It is safe for concurrent use.
type Registry struct {
	client  *client   // nil: there is only a folder
	native  []*client // Apicurio's own interface, its newest version first; none: another registry
	folder  *Folder   // nil: there is only a registry
	patient time.Duration
	log     *slog.Logger
	metrics *Metrics
	prints  prints

	mu      sync.Mutex // guards what follows
	cache   *schemaCache
	flights map[ID]*flight
	vain    vain
}

// Deps is what a Registry needs next to its configuration.
type Deps struct {
	Log       *slog.Logger      // required: warns of schemas with encrypted fields
	Metrics   *Metrics          // nil: none
	Transport http.RoundTripper // nil: the network, with the configuration's certificates
}

// New reads the folder and the certificates; it does not ask the registry anything yet.
func New(cfg Config, deps Deps) (*Registry, error) {
	r := &Registry{
		patient: cfg.MissingRetry.Std(),
		log:     cmp.Or(deps.Log, slog.New(slog.DiscardHandler)),
		metrics: cmp.Or(deps.Metrics, NewMetrics(nil)),
		cache:   newSchemaCache(cfg.CacheSize),
		flights: map[ID]*flight{},
	}
	var err error
	if cfg.Folder != "" {
		if r.folder, err = OpenFolder(cfg.Folder); err != nil {
			return nil, err
		}
	}
	if len(cfg.URL) > 0 {
		err = r.connect(cfg, deps)
	}
	return r, err
}

// connect makes the clients. It opens no connection.
func (r *Registry) connect(cfg Config, deps Deps) error {
	transport, err := cfg.transport(deps.Transport)
	if err != nil {
		return err
	}
	if r.client, err = newClient(cfg, cfg.plainURLs(), transport, r.metrics); err != nil {
		return err
	}
	for _, urls := range nativeURLs(cfg.plainURLs()) {
		c, err := newClient(cfg, urls, transport, r.metrics)
		if err != nil {
			return err
		}
		r.native = append(r.native, c)
	}
	return nil
}

// flight is one request under way for an id.
type flight struct {
	done chan struct{} // closed when the rest is set
	src  *avro.Source
	err  error
}

// Schema gives the schema of an id, and waits for it: for missing_retry when the registry does not know it. Errors are a
// *pipeline.Rejection (there is none, or it cannot be used), a *pipeline.Trouble (the registry is away or refuses us: ask
// again later), or the context's. They are the caller's own.
func (r *Registry) Schema(ctx context.Context, id ID) (*avro.Source, error) {
	for {
		f, known, mine := r.join(id)
		switch {
		case known != nil:
			return known.src, ownCopy(known.err)
		case mine:
			r.fly(ctx, id, f)
			return f.src, ownCopy(f.err)
		}
		select {
		case <-f.done:
			if !f.gaveUp() {
				return f.src, ownCopy(f.err)
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ownCopy is an error that its receiver may add to.
func ownCopy(err error) error {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		own := *r
		return &own
	}
	if t, ok := errors.AsType[*pipeline.Trouble](err); ok {
		own := *t
		return &own
	}
	return err
}

// fly loads a schema for everybody who waits. They are let go even if loading panics.
func (r *Registry) fly(ctx context.Context, id ID, f *flight) {
	f.err = context.Canceled
	defer r.land(id, f)
	f.src, f.err = r.load(ctx, id)
}

// gaveUp says that who asked left before there was an answer.
func (f *flight) gaveUp() bool {
	return errors.Is(f.err, context.Canceled) || errors.Is(f.err, context.DeadlineExceeded)
}

// join finds what is known of an id, or the flight under way, or starts one, which is then the caller's.
func (r *Registry) join(id ID) (f *flight, known *cacheEntry, mine bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.cache.get(id); e != nil && (e.src != nil || time.Now().Before(e.missingUntil)) {
		return nil, e, false
	}
	if f = r.flights[id]; f != nil {
		return f, nil, false
	}
	f = &flight{done: make(chan struct{})}
	r.flights[id] = f
	return f, nil, true
}

// land remembers what can be remembered and lets the others go on.
func (r *Registry) land(id ID, f *flight) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.flights, id)
	_, rejected := errors.AsType[*pipeline.Rejection](f.err)
	if f.err == nil || rejected {
		r.cache.put(&cacheEntry{id: id, src: f.src, err: f.err, missingUntil: time.Now().Add(missingFor)})
	}
	r.metrics.cached.Set(float64(r.cache.entries))
	close(f.done)
}

// unusable is why a schema that was found cannot be used. It becomes the row's rejection.
type unusable struct{ rule string }

func (u *unusable) Error() string { return u.rule }

// rejectionOf turns unusable schemas into rejections; trouble and the context's errors stay what they are.
func rejectionOf(id ID, err error) error {
	if u, ok := errors.AsType[*unusable](err); ok {
		return pipeline.Reject(pipeline.StageDecode, pipeline.SchemaUnreadable, id.label(), u.rule)
	}
	if errors.Is(err, errAnswerTooLarge) {
		return pipeline.Reject(pipeline.StageDecode, pipeline.SchemaUnreadable, id.label(), err.Error())
	}
	return err
}

// notFound says where it was looked for.
func (r *Registry) notFound(id ID, err error) error {
	where := "schema_registry.folder"
	if r.client != nil {
		where = r.client.hosts
	}
	rejection := pipeline.Reject(pipeline.StageDecode, pipeline.SchemaNotFound, id.label(), "must be known at "+where)
	if m, ok := errors.AsType[*missing](err); ok {
		rejection.Detail = m.what + " is missing"
	} else if id.Kind == GUIDID {
		rejection.Detail = "only newer Confluent registries look up GUIDs"
	}
	return rejection
}

// missing says what is missing, when it is not the schema itself.
type missing struct{ what string }

func (m *missing) Error() string { return m.what + ": " + errMissing.Error() }
func (m *missing) Unwrap() error { return errMissing }
