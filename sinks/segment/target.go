package segment

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// API is TikTok; it is *tiktok.Client.
type API interface {
	audience.Getter
	Post(ctx context.Context, endpoint string, body []byte) pipeline.Answer
}

// Documents are the small things instances remember together: pipeline/state's Store.
type Documents interface {
	audience.Documents
	TryLock(ctx context.Context, name string, ttl time.Duration) (bool, error)
	Unlock(ctx context.Context, name string) error
}

// Target knows which audiences a sync fills: by id, or by name, found or created at TikTok. What it found is remembered
// in Documents; then the sync stays with it. It is safe for concurrent use.
type Target struct {
	sync        string
	own         Audience
	advertisers []string
	api         API
	docs        Documents
	now         func() time.Time

	mu         sync.Mutex
	known      map[string][]string  // ids by name
	doubts     map[string]time.Time // when a create may have worked, by advertiser and name
	generation uint64
}

// NewTarget makes the Target of a plan's sync.
func (p *Plan) NewTarget(sync string, api API, docs Documents) *Target {
	return &Target{sync: sync, own: p.cfg.Audience, advertisers: p.cfg.AdvertiserIDs, api: api, docs: docs, now: p.now,
		known: map[string][]string{}, doubts: map[string]time.Time{}}
}

// Generation grows with every full resync. It is known once IDs has succeeded.
func (t *Target) Generation() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

// IDs are an audience's ids at TikTok, one per advertiser; name is what a row calls it, "" the sync's own. Where rows
// name audiences the sync has none of its own. The error is a *pipeline.Trouble.
func (t *Target) IDs(ctx context.Context, name string) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ids, ok := t.known[name]; ok {
		return ids, nil
	}
	if name != "" && t.own.Row.By == "id" {
		return []string{name}, nil
	}
	b, err := t.bind(ctx, name)
	if err != nil {
		return nil, err
	}
	if name == "" {
		t.generation = b.Generation
	}
	ids := slices.Sorted(maps.Values(b.IDs))
	t.known[name] = ids
	return ids, nil
}

// bind finds out which audience it is and has it remembered.
func (t *Target) bind(ctx context.Context, name string) (audience.Binding, error) {
	b, err := t.remembered(ctx, name)
	if err != nil || t.isBound(&b, name) {
		return b, err
	}
	lease := "create/" + t.advertisers[0] + "/" + t.nameOf(name)
	if err := t.lock(ctx, lease); err != nil {
		return b, err
	}
	defer t.unlock(ctx, lease)
	if b, err = t.remembered(ctx, name); err != nil || t.isBound(&b, name) {
		return b, err
	}
	if err := t.complete(ctx, &b, name); err != nil {
		return b, err
	}
	return b, audience.Remember(ctx, t.docs, audience.Key(t.sync, name), b)
}

// remembered is what the sync is bound to, if the configuration still says so.
func (t *Target) remembered(ctx context.Context, name string) (audience.Binding, error) {
	want := audience.Binding{Mode: audience.Segment, Name: t.nameOf(name), IDs: t.given()}
	return audience.Bound(ctx, t.docs, t.sync, audience.Key(t.sync, name), want)
}

// nameOf is the name of an audience at TikTok, or "" where it has none for us.
func (t *Target) nameOf(name string) string {
	if name != "" {
		return name
	}
	return t.own.Name
}

// given are the ids that are configured.
func (t *Target) given() map[string]string {
	if t.own.ID == "" {
		return nil
	}
	return map[string]string{t.advertisers[0]: t.own.ID}
}

// isBound says whether nothing is left to find out.
func (t *Target) isBound(b *audience.Binding, name string) bool {
	if b.Mode == "" {
		return false
	}
	if t.nameOf(name) == "" {
		return true
	}
	return !slices.ContainsFunc(t.advertisers, func(id string) bool { return b.IDs[id] == "" })
}

// complete finds the audience with every advertiser, and creates it where there is none.
func (t *Target) complete(ctx context.Context, b *audience.Binding, name string) error {
	b.Mode, b.Name = audience.Segment, t.nameOf(name)
	if b.Name == "" {
		b.IDs = t.given()
		return t.verify(ctx, b.IDs)
	}
	ids := map[string]string{}
	for _, advertiser := range t.advertisers {
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
		list, err := audience.Directory{API: t.api, Advertiser: advertiser}.Read(ctx, id)
		if err != nil {
			return err
		}
		if len(list) == 0 || !list[0].IsPartner() {
			return &pipeline.Trouble{Kind: pipeline.TroubleAudience, Stop: true,
				What: "audience " + id + " was not made through the Segment API and cannot be filled row by row: configure a name, or audience_file"}
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
		return asTrouble(err)
	case !got:
		return &pipeline.Trouble{Kind: pipeline.TroubleState, What: "another instance is finding the audience"}
	}
	return nil
}

// unlock gives the lease back; if that fails it ends by itself.
func (t *Target) unlock(ctx context.Context, lease string) {
	_ = t.docs.Unlock(context.WithoutCancel(ctx), lease)
}

func asTrouble(err error) error {
	return &pipeline.Trouble{Kind: pipeline.TroubleState, What: err.Error()}
}
