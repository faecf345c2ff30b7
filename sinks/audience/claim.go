package audience

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// An audience is one sync's, or those syncs' whose rows and digests have the same owners: of others, each would take out what the
// other put in. Which it is is known once its id is, whatever the syncs call it, and all instances must know it: the
// first to fill an audience has that remembered.

// Filler is who fills an audience, as a document of the state topic keeps it.
type Filler struct {
	Sync  string `json:"sync"`
	Group string `json:"group,omitempty"` // of syncs that fill it together
}

// with reports whether both may fill an audience.
func (f *Filler) with(other *Filler) bool {
	return f.Sync == other.Sync || f.Group != "" && f.Group == other.Group
}

// ClaimKey is where it is remembered who fills an audience of an advertiser.
func ClaimKey(advertiser, id string) string { return "filled/" + advertiser + "/" + id }

// Taken is the trouble of an audience that another sync fills.
type Taken struct{ *pipeline.Trouble }

func (e *Taken) Unwrap() error { return e.Trouble }

// Claim has it remembered that a sync fills an audience of the advertiser, so that no other does; what is its id, or whatever
// names it before it has one. After a resync the sync takes over what another filled, until EndTakeover. The error is a
// *pipeline.Trouble; a *Taken where another sync fills it.
func Claim(ctx context.Context, docs Store, who Filler, advertiser, what string) error {
	key := ClaimKey(advertiser, what)
	if by, err := filledBy(ctx, docs, key); err != nil || by == who || by.Sync != who.Sync && by.with(&who) {
		return err
	}
	if err := await(ctx, docs, key); err != nil {
		return err
	}
	defer unlock(ctx, docs, key)
	by, err := filledBy(ctx, docs, key)
	if err != nil || by.Sync != who.Sync && by.with(&who) {
		return err
	}
	own, err := binding(docs, Key(who.Sync, ""))
	switch {
	case err != nil:
		return err
	case by.Sync != "" && by.Sync != who.Sync && !own.Takes:
		return &Taken{taken("audience "+what, who.Sync, by.Sync)}
	}
	document, _ := json.Marshal(who) // texts always encode
	if err := docs.Put(ctx, key, document); err != nil {
		return stateTrouble(err)
	}
	return nil
}

// claimTime is longer than a claim takes: so long a process that died in one holds up the next.
const claimTime = 10 * time.Second

// await takes a lease once it is free.
func await(ctx context.Context, docs Store, lease string) error {
	for tries := time.Duration(0); ; tries += time.Second {
		err := lockFor(ctx, docs, lease, claimTime)
		if err == nil || tries > 2*claimTime {
			return err
		}
		if err := pipeline.Wait(ctx, time.Second); err != nil {
			return err
		}
	}
}

func taken(what, sync, by string) *pipeline.Trouble {
	return Stop("%s is filled by sync %s already, and each would take out what the other puts in: name another audience, or have one sync read the topics of both (`topics`). "+
		"If no instance runs sync %s any more, stop this one and run `tokrelay resync --sync %s`, which takes the audience over", what, by, by, sync)
}

// EndTakeover ends what a resync began: the sync has all its audiences.
func EndTakeover(ctx context.Context, docs Store, sync string) error {
	b, err := binding(docs, Key(sync, ""))
	if err != nil || !b.Takes {
		return err
	}
	b.Takes = false
	return Remember(ctx, docs, Key(sync, ""), b)
}

func binding(docs Store, key string) (Binding, error) {
	document, _ := docs.Get(key)
	b, err := ParseBinding(document)
	if err != nil {
		return b, stateTrouble(err)
	}
	return b, nil
}

// FilledBy is the sync that fills an audience of the advertiser by now, as far as docs has been read; "" for none.
func FilledBy(docs Documents, advertiser, id string) string {
	var f Filler
	if document, ok := docs.Get(ClaimKey(advertiser, id)); ok {
		_ = json.Unmarshal(document, &f) // what is not ours says nothing
	}
	return f.Sync
}

// filledBy is who fills the audience; the zero Filler for none.
func filledBy(ctx context.Context, docs Store, key string) (Filler, error) {
	if err := docs.Refresh(ctx); err != nil {
		return Filler{}, stateTrouble(err)
	}
	var f Filler
	if document, ok := docs.Get(key); ok && json.Unmarshal(document, &f) != nil {
		return Filler{}, &pipeline.Trouble{Kind: pipeline.TroubleState, What: "read who fills the audience: the state topic holds something else"}
	}
	return f, nil
}
