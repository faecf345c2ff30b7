package segment

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// Reading is what TikTok told of a sync's audiences.
type Reading struct {
	Time      time.Time
	Audiences []audience.Details
	Err       error // why the last attempt failed; Time and Audiences are of the last that did not
}

// Readback asks TikTok from time to time what the audiences hold. It is safe for concurrent use.
type Readback struct {
	target  *Target
	every   time.Duration
	metrics *metrics.Sync

	mu   sync.Mutex
	last Reading
}

// NewReadback reads what the target's sync fills.
func (p *Plan) NewReadback(t *Target) *Readback {
	return &Readback{target: t, every: p.cfg.ReadBack.Std(), metrics: p.metrics}
}

// Run reads at once and then on schedule, until ctx ends. What goes wrong is kept in the Reading: it holds nothing up.
func (r *Readback) Run(ctx context.Context) error {
	for {
		r.Read(ctx)
		select {
		case <-time.After(r.every):
		case <-ctx.Done():
			return nil
		}
	}
}

// Last is the last reading.
func (r *Readback) Last() Reading {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// Read reads now.
func (r *Readback) Read(ctx context.Context) Reading {
	list, err := r.target.read(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.Err = err; err != nil {
		return r.last
	}
	r.last.Time, r.last.Audiences = r.target.now(), list
	for _, a := range list {
		r.metrics.AudienceRead(metrics.Audience{ID: a.ID, Covered: a.Covered, Valid: a.Valid, Expires: a.Expires.Time})
	}
	return r.last
}

// read asks for every audience the sync is bound to. It creates none.
func (t *Target) read(ctx context.Context) (all []audience.Details, err error) {
	byAdvertiser, err := t.bound(ctx)
	if err != nil {
		return nil, err
	}
	for _, advertiser := range slices.Sorted(maps.Keys(byAdvertiser)) {
		d := audience.Directory{API: t.api, Advertiser: advertiser}
		for ids := range slices.Chunk(byAdvertiser[advertiser], 100) {
			list, err := d.Read(ctx, ids...)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
	}
	return all, nil
}

// bound are the ids the sync is bound to, by advertiser.
func (t *Target) bound(ctx context.Context) (map[string][]string, error) {
	if err := t.docs.Refresh(ctx); err != nil {
		return nil, asTrouble(err)
	}
	ids := map[string][]string{}
	for _, key := range t.keys() {
		document, _ := t.docs.Get(key)
		b, err := audience.ParseBinding(document)
		if err != nil {
			return nil, asTrouble(err)
		}
		for advertiser, id := range b.IDs {
			ids[advertiser] = append(ids[advertiser], id)
		}
	}
	return ids, nil
}

// keys are the documents of the sync's audiences: its own, and those that rows have named.
func (t *Target) keys() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := []string{audience.Key(t.sync, "")}
	for name := range t.known {
		if name != "" {
			keys = append(keys, audience.Key(t.sync, name))
		}
	}
	return keys
}
