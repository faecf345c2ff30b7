package audience

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// API is TikTok; it is *tiktok.Client.
type API interface {
	Getter
	Post(ctx context.Context, endpoint string, body []byte) pipeline.Answer
}

// Store keeps small documents for all instances, and leases; *state.Store.
type Store interface {
	Documents
	// TryLock takes a lease, or holds it for longer, and reports whether this instance has it.
	TryLock(ctx context.Context, name string, ttl time.Duration) (bool, error)
	Unlock(ctx context.Context, name string) error
}

// Wanted says which audiences a sync fills.
type Wanted struct {
	Sync        string
	Name, ID    string // both empty where rows name audiences
	ByID        bool   // rows give ids
	Most        int    // audiences that rows may name; 0: any number
	Advertisers []string
	Topics      []string // that members are remembered by; none where nothing is remembered or a pattern finds them
}

// Target knows which audiences a sync fills through the Segment API: by id, or by name, found or created at TikTok. What it
// found is remembered in the Store; then the sync stays with it. It is safe for concurrent use.
type Target struct {
	wanted Wanted
	api    API
	docs   Store
	now    func() time.Time

	mu         sync.Mutex
	known      map[string][]string  // ids by name
	doubts     map[string]time.Time // when a create may have worked, by advertiser and name
	faults     map[string]*Held     // of audiences that cannot be filled now, by name
	generation uint64
	own        Binding // of the sync's own audience
}

// NewTarget makes a Target that has found nothing yet.
func NewTarget(wanted Wanted, api API, docs Store, now func() time.Time) *Target {
	return &Target{wanted: wanted, api: api, docs: docs, now: now, known: map[string][]string{}, doubts: map[string]time.Time{}}
}

// Generation grows with every full resync. It is known once IDs has succeeded.
func (t *Target) Generation() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

// Formers are the topics that one of the sync's may have been before a full resync. They are known once IDs has succeeded.
func (t *Target) Formers(topic string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own.formersOf(topic, t.wanted.Topics)
}

// IDs are an audience's ids at TikTok, one per advertiser; name is what a row calls it, "" the sync's own. Where rows
// name audiences the sync has none of its own. The error is a *pipeline.Trouble: of an audience with a fault a *Held, of one that TikTok
// refuses to create a *Refused; or a *Full.
func (t *Target) IDs(ctx context.Context, name string) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if held := t.stillHeld(ctx, name); held != nil {
		return nil, held
	}
	if ids, ok := t.known[name]; ok {
		return ids, nil
	}
	if name != "" && t.wanted.ByID {
		return []string{name}, nil
	}
	b, err := t.bind(ctx, name)
	if err != nil {
		return nil, err
	}
	if name == "" {
		t.generation, t.own = b.Generation, b
	}
	ids := slices.Sorted(maps.Values(b.IDs))
	t.known[name] = ids
	return ids, nil
}

// bind finds out which audience it is and has it remembered.
func (t *Target) bind(ctx context.Context, name string) (Binding, error) {
	b, err := t.remembered(ctx, name)
	if err != nil {
		return b, err
	}
	if t.isBound(&b, name) {
		return b, t.noteTopics(ctx, &b, name)
	}
	lease := "create/" + t.wanted.Advertisers[0] + "/" + t.nameOf(name)
	if err := t.lock(ctx, lease); err != nil {
		return b, err
	}
	defer t.unlock(ctx, lease)
	if b, err = t.remembered(ctx, name); err != nil || t.isBound(&b, name) {
		return b, err
	}
	if n := len(t.names()) - 1; name != "" && t.wanted.Most > 0 && n >= t.wanted.Most {
		return b, &Full{n}
	}
	if err := t.complete(ctx, &b, name); err != nil {
		return b, err
	}
	b.Topics = t.topicsOf(name)
	return b, Remember(ctx, t.docs, Key(t.wanted.Sync, name), b)
}

// remembered is what the sync is bound to, if the configuration still says so.
func (t *Target) remembered(ctx context.Context, name string) (Binding, error) {
	want := Binding{Mode: Segment, Name: t.nameOf(name), IDs: t.given(), Topics: t.topicsOf(name)}
	return Bound(ctx, t.docs, t.wanted.Sync, Key(t.wanted.Sync, name), want)
}

// topicsOf are the topics that members are remembered by; the sync's own audience keeps them.
func (t *Target) topicsOf(name string) []string {
	if name != "" {
		return nil
	}
	return t.wanted.Topics
}

// noteTopics has topics that are new remembered.
func (t *Target) noteTopics(ctx context.Context, b *Binding, name string) error {
	if slices.Equal(b.Topics, t.topicsOf(name)) {
		return nil
	}
	b.Topics = t.topicsOf(name)
	return Remember(ctx, t.docs, Key(t.wanted.Sync, name), *b)
}

// nameOf is the name of an audience at TikTok, or "" where it has none for us.
func (t *Target) nameOf(name string) string {
	if name != "" {
		return name
	}
	return t.wanted.Name
}

// given are the ids that are configured.
func (t *Target) given() map[string]string {
	if t.wanted.ID == "" {
		return nil
	}
	return map[string]string{t.wanted.Advertisers[0]: t.wanted.ID}
}

// isBound reports whether nothing is left to find out.
func (t *Target) isBound(b *Binding, name string) bool {
	if b.Mode == "" {
		return false
	}
	if t.nameOf(name) == "" {
		return true
	}
	return !slices.ContainsFunc(t.wanted.Advertisers, func(id string) bool { return b.IDs[id] == "" })
}

// complete finds the audience with every advertiser, and creates it where there is none.
func (t *Target) complete(ctx context.Context, b *Binding, name string) error {
	b.Mode, b.Name = Segment, t.nameOf(name)
	if b.Name == "" {
		b.IDs = t.given()
		return t.verify(ctx, b.IDs)
	}
	ids := map[string]string{}
	for _, advertiser := range t.wanted.Advertisers {
		id, err := t.findOrCreate(ctx, advertiser, b.Name)
		if err != nil {
			return err
		}
		ids[advertiser] = id
	}
	b.IDs = ids
	return nil
}

// verify looks whether a configured id is an audience that can be filled.
func (t *Target) verify(ctx context.Context, ids map[string]string) error {
	for advertiser, id := range ids {
		found, err := Directory{API: t.api, Advertiser: advertiser}.Look(ctx, id)
		switch {
		case err != nil:
			return err
		case found == nil:
			return Stop("TikTok does not know audience %s: correct audience_segment.audience", id)
		case !found.IsPartner():
			return Stop("audience %s was not made through the Segment API and cannot be filled row by row: configure a name, or audience_file", id)
		}
	}
	return nil
}

// leaseTime is longer than finding and creating an audience takes.
const leaseTime = 2 * time.Minute

// lock keeps other instances from creating the audience at the same time.
func (t *Target) lock(ctx context.Context, lease string) error {
	got, err := t.docs.TryLock(ctx, lease, leaseTime)
	switch {
	case err != nil:
		return stateTrouble(err)
	case !got:
		return &pipeline.Trouble{Kind: pipeline.TroubleState, What: "another instance is finding the audience"}
	}
	return nil
}

// unlock gives the lease back; if that fails it ends by itself.
func (t *Target) unlock(ctx context.Context, lease string) {
	_ = t.docs.Unlock(context.WithoutCancel(ctx), lease)
}
