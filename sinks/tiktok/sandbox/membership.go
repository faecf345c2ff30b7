package sandbox

import (
	"encoding/hex"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// change is one membership of a mapping call. Its audience belongs to the call's body.
type change struct {
	row, place int
	audience   []byte
	kind       string
	id         member
}

// changesOf lists the memberships of a mapping call as far as they can be read; only a checked call has them all.
func changesOf(body value) (list []change) {
	schema, _ := body.get("id_schema")
	kinds := kindsOf(schema)
	data, _ := body.get("batch_data")
	row := 0
	for user := range data.elements {
		place := 0
		for e := range user.elements {
			if place < len(kinds) {
				list = appendChanges(list, e, change{row: row, place: place, kind: kinds[place]})
			}
			place++
		}
		row++
	}
	return list
}

func appendChanges(list []change, e value, c change) []change {
	id, ok := e.get("id")
	if !ok || id.kind() != jsontext.String || len(id.text()) > 2*len(c.id) {
		return list
	}
	if _, err := hex.Decode(c.id[:], id.text()); err != nil {
		return list
	}
	audiences, _ := e.get("audience_ids")
	for a := range audiences.elements {
		c.audience = a.text()
		list = append(list, c)
	}
	return list
}

// apply adds or removes members, all of them or none.
func (a *audiences) apply(now time.Time, changes []change, advertisers map[string]bool, remove bool) *refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range changes {
		if r := a.takes(now, c, advertisers); r != nil {
			return r
		}
	}
	for _, c := range changes {
		target := a.byID[string(c.audience)]
		target.edited = now
		target.change(now.Add(a.cfg.SegmentDelay), c, remove)
	}
	return nil
}

// takes says no unless the audience of a change is a living Partner audience of one of the advertisers.
func (a *audiences) takes(now time.Time, c change, advertisers map[string]bool) *refusal {
	found, ok := a.byID[string(c.audience)]
	at := fmt.Sprintf("batch_data.%d.%d.audience_ids", c.row, c.place)
	switch {
	case !ok && a.cfg.GoneIsMissing:
		return refuse(codeMissing, "Audience %s does not exist.", c.audience)
	case !ok:
		return refuse(codeParameter, "%s: Audience does not exist.", at)
	case !advertisers[found.advertiser] || found.foreign:
		return notTheirs(found.id)
	case !found.segment:
		return refuse(codeParameter, "%s: Not a Partner audience.", at)
	case !now.Before(found.expires()):
		return refuse(codeParameter, "%s: Audience is expired.", at)
	}
	return nil
}

func (a *audience) change(visible time.Time, c change, remove bool) {
	changed := false
	if remove {
		changed = a.members.remove(c.kind, c.id)
	} else {
		changed = a.members.add(c.kind, c.id)
	}
	switch {
	case !changed:
		a.withoutTrace++
	case remove:
		a.removed++
	default:
		a.added++
	}
	if changed && a.refresh.IsZero() {
		a.refresh = visible
	}
}

// memberIDs lists the identifiers of a mapping call, for faults that look at content.
func memberIDs(body value) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		data, _ := body.get("batch_data")
		row := 0
		for user := range data.elements {
			for e := range user.elements {
				if id := e.str("id"); id != "" && !yield(row, []byte(strings.ToLower(id))) {
					return
				}
			}
			row++
		}
	}
}

// membership is one member of one audience, whatever happens to it.
type membership struct {
	audience, kind string
	id             member
}

// underWay counts the calls in flight that add or remove a membership.
type underWay struct{ adding, removing int32 }

// races watches for adds and removals of the same member that are under way at the same time: TikTok promises no
// order between calls, so which of them wins is chance. It sees a call from the moment its body is read until its
// answer is written, delays of faults included.
type races struct {
	mu sync.Mutex
	by map[membership]underWay
}

// enter notes a call's changes and returns how many of them meet an opposite one, and what to call when the call ends.
func (r *races) enter(changes []change, remove bool) (conflicts int64, leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[membership]underWay{}
	}
	for _, c := range changes {
		if r.count(c, remove, 1) {
			conflicts++
		}
	}
	return conflicts, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, c := range changes {
			r.count(c, remove, -1)
		}
	}
}

// count changes the number of calls under way for a membership and reports whether both kinds are.
func (r *races) count(c change, remove bool, by int32) bool {
	key := membership{string(c.audience), c.kind, c.id}
	n := r.by[key]
	if remove {
		n.removing += by
	} else {
		n.adding += by
	}
	if n == (underWay{}) {
		delete(r.by, key)
		return false
	}
	r.by[key] = n
	return n.adding > 0 && n.removing > 0
}
