package audience

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Held is what keeps an audience that the sync filled from being filled now: it is gone, expired, another account's, or of
// another kind. Readback reports it, and notices when it is over.
type Held struct {
	*pipeline.Trouble
	Own    bool // of the sync: Readback tells the status of it
	looked time.Time
}

func (e *Held) Unwrap() error { return e.Trouble }

// Fault is what keeps an audience from being filled row by row, as the end of a sentence; "" for nothing. d is nil where
// TikTok does not know it.
func Fault(d *Details, now time.Time) string {
	switch {
	case d == nil:
		return "is gone at TikTok"
	case !d.Ours():
		return "belongs to another account, which only shares it"
	case d.HasExpired(now):
		return "has expired at TikTok"
	case d.Type+d.ListType != "" && !d.IsPartner():
		return "was not made through the Segment API and cannot be filled row by row"
	}
	return ""
}

// one is an audience that the sync fills.
type one struct{ advertiser, id, name string }

// held is the trouble of an audience with a fault.
func (t *Target) held(of one, fault string) *Held {
	w := &t.wanted
	who, cure := fmt.Sprintf("audience %q (id %s)", w.Name, of.id), "stop the sync and run `tokrelay resync --sync "+w.Sync+" --recreate`, "
	switch {
	case of.name != "" && w.ByID: // what a row holds does not go into logs
		who, cure = "an audience that rows name by its id", "stop the sync and pass over its rows with `tokrelay skip --sync "+w.Sync+"`"
	case of.name != "":
		who, cure = "an audience that rows name (id "+of.id+")", cure+"which finds or creates those that rows name and fills them from the start"
	case w.ID != "":
		who, cure = "audience "+of.id, "name another one, "+cure+"which fills it from the start"
	default:
		cure += "which creates it again, or fills another one that is named by then, from the start"
	}
	return &Held{Own: of.name == "", looked: t.now(), Trouble: Stop("%s %s: %s", who, fault, cure)}
}

// look asks for audiences, and finds those that cannot be filled, by name.
func (t *Target) look(ctx context.Context, list []one) (all []Details, faults map[string]*Held, err error) {
	faults = map[string]*Held{}
	byAdvertiser := map[string][]one{}
	for _, of := range list {
		byAdvertiser[of.advertiser] = append(byAdvertiser[of.advertiser], of)
	}
	for _, advertiser := range slices.Sorted(maps.Keys(byAdvertiser)) {
		for some := range slices.Chunk(byAdvertiser[advertiser], 100) {
			ids := make([]string, len(some))
			for i := range some {
				ids[i] = some[i].id
			}
			found, err := Directory{API: t.api, Advertiser: advertiser}.Read(ctx, ids...)
			if err != nil {
				return nil, nil, err
			}
			all = append(all, found...)
			t.compare(some, found, faults)
		}
	}
	return all, faults, nil
}

// hold has IDs fail for audiences that cannot be filled, and for no others.
func (t *Target) hold(faults map[string]*Held) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = faults
}

func (t *Target) faultOf(name string) *Held {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.faults[name]
}

// stillHeld is what is known against an audience. One that rows name is looked at again while they wait, by one of them; Readback
// looks at the sync's own.
func (t *Target) stillHeld(ctx context.Context, name string) *Held {
	t.mu.Lock()
	held := t.faults[name]
	if held == nil || held.Own || t.now().Sub(held.looked) < lookAgain {
		t.mu.Unlock()
		return held
	}
	held.looked = t.now()
	t.mu.Unlock()
	list, err := t.boundAs(name)
	if err != nil {
		return held
	}
	_, faults, err := t.look(ctx, list)
	if err != nil {
		return held
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults[name] = faults[name]
	return faults[name]
}

func (t *Target) compare(list []one, found []Details, faults map[string]*Held) {
	for _, of := range list {
		var d *Details
		if i := slices.IndexFunc(found, func(d Details) bool { return d.ID == of.id }); i >= 0 {
			d = &found[i]
		}
		if fault := Fault(d, t.now()); fault != "" {
			faults[of.name] = t.held(of, fault)
		}
	}
}

// Ask is what is wrong with an audience whose members TikTok refuses, and what to do; "" for nothing that is known. name is
// what rows call it, "" the sync's own.
func (t *Target) Ask(ctx context.Context, name string) string {
	list, err := t.boundAs(name)
	if name != "" && t.wanted.ByID && len(t.wanted.Advertisers) == 1 {
		list = []one{{t.wanted.Advertisers[0], name, name}}
	}
	if err != nil || len(list) == 0 {
		return ""
	}
	if _, faults, err := t.look(ctx, list); err == nil && faults[name] != nil {
		return faults[name].What
	}
	return ""
}
