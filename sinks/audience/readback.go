package audience

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Reading is what TikTok said of a sync's audiences.
type Reading struct {
	Time      time.Time
	Audiences []Details
	Fault     *pipeline.Trouble // of an audience that cannot be filled any more: its rows wait
	Err       error             // why the last attempt failed; all else is of the last that did not
}

// Readback asks TikTok from time to time what the audiences hold. Rows of one that cannot be filled any more wait until
// TikTok says otherwise. It is safe for concurrent use.
type Readback struct {
	target  *Target
	every   time.Duration
	metrics *Metrics
	status  *pipeline.Status

	mu   sync.Mutex
	last Reading
}

// NewReadback reads what the target's sync fills. A nil m shows nothing.
func NewReadback(t *Target, every time.Duration, m *Metrics, status *pipeline.Status) *Readback {
	return &Readback{target: t, every: every, metrics: m, status: status}
}

// lookAgain is when an audience is looked at again whose rows wait.
const lookAgain = 6 * time.Second

// Run reads at once and then on schedule, until ctx ends. That TikTok does not answer is kept in the Reading: it holds nothing up.
func (r *Readback) Run(ctx context.Context) error {
	for {
		pause := r.every
		if r.Read(ctx); r.target.faultOf("") != nil {
			pause = lookAgain
		}
		if pipeline.Wait(ctx, pause) != nil {
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

// hold has the rows of audiences with a fault wait, and those of others go on. The status is told of the sync's own here, and of
// one that rows name once such a row comes.
func (r *Readback) hold(faults map[string]*Held) {
	r.target.hold(faults)
	if names := slices.Sorted(maps.Keys(faults)); len(names) > 0 {
		r.last.Fault = faults[names[0]].Trouble
	}
	if own := faults[""]; own != nil {
		r.status.Set(r.target.wanted.Sync, sourceReadback, own.Trouble)
	} else {
		r.status.Clear(r.target.wanted.Sync, sourceReadback)
	}
}

// sourceReadback is the status's source for audiences that cannot be filled any more.
const sourceReadback = "audience read-back"

// Read reads now.
func (r *Readback) Read(ctx context.Context) Reading {
	bound, err := r.target.bound(ctx)
	var list []Details
	var faults map[string]*Held
	if err == nil {
		list, faults, err = r.target.look(ctx, bound)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last.Err = err; err != nil {
		return r.last
	}
	r.last = Reading{Time: r.target.now(), Audiences: list}
	for _, of := range bound {
		r.metrics.gone(of.id)
	}
	for i := range list {
		r.metrics.Show(&list[i])
	}
	r.hold(faults)
	return r.last
}

// bound are the audiences the sync is bound to.
func (t *Target) bound(ctx context.Context) (list []one, err error) {
	if err := t.docs.Refresh(ctx); err != nil {
		return nil, stateTrouble(err)
	}
	for _, name := range t.names() {
		some, err := t.boundAs(name)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

// boundAs are the audiences of a name, one with each advertiser.
func (t *Target) boundAs(name string) (list []one, err error) {
	document, _ := t.docs.Get(Key(t.wanted.Sync, name))
	b, err := ParseBinding(document)
	if err != nil {
		return nil, stateTrouble(err)
	}
	for _, advertiser := range slices.Sorted(maps.Keys(b.IDs)) {
		list = append(list, one{advertiser, b.IDs[advertiser], name})
	}
	return list, nil
}

// names are those of the sync's audiences: "" for its own, and what rows have named.
func (t *Target) names() []string {
	prefix := Key(t.wanted.Sync, "") + "/"
	names := []string{""}
	for _, key := range t.docs.Keys(prefix) {
		names = append(names, strings.TrimPrefix(key, prefix))
	}
	return names
}
