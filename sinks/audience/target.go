package audience

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
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

// Store keeps small documents for all instances, and leases, which one sync keeps from another: *state.Store's Holder.
type Store interface {
	Documents
	// TryLock takes a lease, or holds it for longer, and reports whether this sync of this instance has it.
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
	Topics      []string // that members are remembered by; none where a pattern finds them
	Group       string   // of syncs that may fill an audience together; "" for none
}

// Target knows which audiences a sync fills through the Segment API: by id, or by name, found or created at TikTok. What it
// found is remembered in the Store; then the sync stays with it. It is safe for concurrent use.
type Target struct {
	wanted Wanted
	api    API
	docs   Store
	now    func() time.Time
	log    *slog.Logger

	mu         sync.Mutex
	known      map[string][]string      // ids by name
	doubts     map[string]time.Time     // when a create may have worked, by advertiser and name
	faults     map[string]*Held         // of audiences that cannot be filled now, by name
	finding    map[string]chan struct{} // of names being found: closed when that has ended
	making     int                      // audiences of rows being made
	generation uint64
	own        Binding // of the sync's own audience
}

// NewTarget makes a Target that has found nothing yet. log may be nil.
func NewTarget(wanted Wanted, api API, docs Store, now func() time.Time, log *slog.Logger) *Target {
	return &Target{wanted: wanted, api: api, docs: docs, now: now, log: cmp.Or(log, slog.New(slog.DiscardHandler)),
		known: map[string][]string{}, doubts: map[string]time.Time{}, finding: map[string]chan struct{}{}}
}

// Generation grows with every full resync. It is known once IDs has succeeded.
func (t *Target) Generation() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.generation
}

// ID is the audience's id at the sync's first advertiser, "" where rows name audiences. It is known once IDs has succeeded.
func (t *Target) ID() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own.IDs[t.wanted.Advertisers[0]]
}

// Earlier reports whether an earlier version filled the sync's audience, whose memory of members is not taken over yet. It is known
// once IDs has succeeded.
func (t *Target) Earlier() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.own.IsEarlier()
}

// TookOver reports whether it is remembered that what an earlier version remembered of members is taken over. The Store is
// up to date.
func (t *Target) TookOver() (bool, error) {
	b, err := binding(t.docs, Key(t.wanted.Sync, ""))
	return err == nil && !b.IsEarlier(), err
}

// TakenOver has it remembered that what an earlier version remembered of members is taken over.
func (t *Target) TakenOver(ctx context.Context) error {
	b, err := binding(t.docs, Key(t.wanted.Sync, ""))
	if err != nil || !b.IsEarlier() {
		return err
	}
	b.Mode = Owned
	if err := Remember(ctx, t.docs, Key(t.wanted.Sync, ""), b); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.own = b
	return nil
}

// IDs are an audience's ids at TikTok, one per advertiser; name is what a row calls it, "" the sync's own. Where rows
// name audiences the sync has none of its own. Audiences are found next to each other: a slow one holds up its own callers. The
// error is the cause of ctx's end, or a *pipeline.Trouble: of an audience with a fault a *Held, of one that TikTok refuses to
// create a *Refused, of another sync's a *Taken; or a *Full.
func (t *Target) IDs(ctx context.Context, name string) ([]string, error) {
	if held := t.stillHeld(ctx, name); held != nil {
		return nil, held
	}
	for {
		ids, wait := t.turn(name)
		switch {
		case ids != nil:
			return ids, nil
		case wait == nil:
			return t.find(ctx, name)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// turn gives the ids of an audience that was found, or says what to wait for; with neither it is the caller's to find.
func (t *Target) turn(name string) (ids []string, wait chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ids, ok := t.known[name]; ok {
		return ids, nil
	}
	if wait := t.finding[name]; wait != nil {
		return nil, wait
	}
	t.finding[name] = make(chan struct{})
	return nil, nil
}

// find finds an audience that is the caller's to find.
func (t *Target) find(ctx context.Context, name string) (ids []string, err error) {
	var b Binding
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		close(t.finding[name])
		if delete(t.finding, name); err != nil {
			return
		}
		if t.known[name] = ids; name == "" {
			t.generation, t.own = b.Generation, b
		}
	}()
	if name != "" && t.wanted.ByID {
		if err = t.claim(ctx, t.wanted.Advertisers[0], name); err != nil {
			return nil, t.ofRow(err, name)
		}
		return []string{name}, nil
	}
	if b, err = t.bind(ctx, name); err != nil {
		return nil, t.ofRow(err, name)
	}
	return append([]string{}, slices.Sorted(maps.Values(b.IDs))...), nil
}

// ofRow makes a refusal of another sync's audience where a row names it: only such rows are rejected. What a row holds is not
// told.
func (t *Target) ofRow(err error, name string) error {
	if _, is := errors.AsType[*Taken](err); !is || name == "" {
		return err
	}
	return &Refused{Stop("an audience that rows of sync %s name is filled by another sync already: have rows name others, or one sync read the topics of both", t.wanted.Sync)}
}

// bind finds out which audience it is and has it remembered, and that it is this sync's.
func (t *Target) bind(ctx context.Context, name string) (Binding, error) {
	b, err := t.remembered(ctx, name)
	if err != nil {
		return b, err
	}
	if t.isBound(&b, name) {
		err = t.noteTopics(ctx, &b, name)
	} else {
		b, err = t.bindNew(ctx, name)
	}
	if err != nil {
		return b, err
	}
	for _, advertiser := range slices.Sorted(maps.Keys(b.IDs)) {
		if err := t.claim(ctx, advertiser, b.IDs[advertiser]); err != nil {
			return b, err
		}
	}
	if len(b.IDs) == 0 || name != "" {
		return b, nil // rows may name others yet
	}
	return b, EndTakeover(ctx, t.docs, t.wanted.Sync)
}

// bindNew finds an audience, or makes it, while no other does.
func (t *Target) bindNew(ctx context.Context, name string) (b Binding, err error) {
	lease := "create/" + t.wanted.Advertisers[0] + "/" + t.nameOf(name)
	if err := lock(ctx, t.docs, lease); err != nil {
		return b, err
	}
	defer unlock(ctx, t.docs, lease)
	if b, err = t.remembered(ctx, name); err != nil || t.isBound(&b, name) {
		return b, err
	}
	leave, err := t.enter(name)
	if err != nil {
		return b, err
	}
	defer leave()
	if err := t.complete(ctx, &b, name); err != nil {
		return b, err
	}
	b.Topics = t.topicsOf(name)
	return b, Remember(ctx, t.docs, Key(t.wanted.Sync, name), b)
}

// claim has it remembered that the sync fills an audience.
func (t *Target) claim(ctx context.Context, advertiser, id string) error {
	return Claim(ctx, t.docs, Filler{t.wanted.Sync, t.wanted.Group}, advertiser, id)
}

// enter takes room for one more audience that rows name, until it is remembered.
func (t *Target) enter(name string) (leave func(), err error) {
	if name == "" || t.wanted.Most == 0 {
		return func() {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch n := len(t.names()) - 1; {
	case n >= t.wanted.Most:
		return nil, &Full{n}
	case n+t.making >= t.wanted.Most:
		return nil, &pipeline.Trouble{Kind: pipeline.TroubleState, What: "the last audience there is room for is being made"}
	}
	t.making++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.making--
	}, nil
}

// remembered is what the sync is bound to, if the configuration still says so.
func (t *Target) remembered(ctx context.Context, name string) (Binding, error) {
	want := Binding{Mode: Owned, Name: t.nameOf(name), IDs: t.given(), Topics: t.topicsOf(name)}
	return Bound(ctx, t.docs, t.wanted.Sync, Key(t.wanted.Sync, name), want)
}

// topicsOf are the topics that members are remembered by; the sync's own audience keeps them.
func (t *Target) topicsOf(name string) []string {
	if name != "" {
		return nil
	}
	return t.wanted.Topics
}

// noteTopics has it remembered which topics are read, where that is new.
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
	b.Mode, b.Name = Owned, t.nameOf(name)
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
		}
		if fault := Fault(found, t.now()); fault != "" {
			return Stop("audience %s %s: name another one in audience_segment.audience", id, fault)
		}
	}
	return nil
}

// leaseTime is longer than finding and creating an audience takes.
const leaseTime = 2 * time.Minute

// lock keeps all others from finding the audience at the same time: other instances, and other syncs of this one.
func lock(ctx context.Context, docs Store, lease string) error {
	return lockFor(ctx, docs, lease, leaseTime)
}

func lockFor(ctx context.Context, docs Store, lease string, time time.Duration) error {
	got, err := docs.TryLock(ctx, lease, time)
	switch {
	case err != nil:
		return stateTrouble(err)
	case !got:
		return &pipeline.Trouble{Kind: pipeline.TroubleState, What: "another instance or sync is finding the audience"}
	}
	return nil
}

// unlock gives the lease back; if that fails it ends by itself.
func unlock(ctx context.Context, docs Store, lease string) {
	_ = docs.Unlock(context.WithoutCancel(ctx), lease)
}
