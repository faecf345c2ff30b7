package audience

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Reading is what TikTok said of a sync's audiences.
type Reading struct {
	Time      time.Time
	Audiences []Details
	Err       error // why the last attempt failed; Time and Audiences are of the last that did not
}

// Readback asks TikTok from time to time what the audiences hold. It is safe for concurrent use.
type Readback struct {
	target  *Target
	every   time.Duration
	metrics *Metrics

	mu   sync.Mutex
	last Reading
}

// NewReadback reads what the target's sync fills. A nil m shows nothing.
func NewReadback(t *Target, every time.Duration, m *Metrics) *Readback {
	return &Readback{target: t, every: every, metrics: m}
}

// Run reads at once and then on schedule, until ctx ends. What goes wrong is kept in the Reading: it holds nothing up.
func (r *Readback) Run(ctx context.Context) error {
	for {
		r.Read(ctx)
		if pipeline.Wait(ctx, r.every) != nil {
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
	for i := range list {
		r.metrics.Show(&list[i])
	}
	return r.last
}

// read asks for every audience the sync is bound to. It creates none.
func (t *Target) read(ctx context.Context) (all []Details, err error) {
	byAdvertiser, err := t.bound(ctx)
	if err != nil {
		return nil, err
	}
	for _, advertiser := range slices.Sorted(maps.Keys(byAdvertiser)) {
		d := Directory{API: t.api, Advertiser: advertiser}
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
		return nil, stateTrouble(err)
	}
	ids := map[string][]string{}
	for _, key := range t.keys() {
		document, _ := t.docs.Get(key)
		b, err := ParseBinding(document)
		if err != nil {
			return nil, stateTrouble(err)
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
	keys := []string{Key(t.wanted.Sync, "")}
	for name := range t.known {
		if name != "" {
			keys = append(keys, Key(t.wanted.Sync, name))
		}
	}
	return keys
}
