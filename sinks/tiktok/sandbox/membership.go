package sandbox

import (
	"encoding/hex"
	"fmt"
	"iter"
	"strings"
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
		if r := a.takes(c, advertisers); r != nil {
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

// takes says no unless the audience of a change is a Partner audience of one of the advertisers.
func (a *audiences) takes(c change, advertisers map[string]bool) *refusal {
	found, ok := a.byID[string(c.audience)]
	at := fmt.Sprintf("batch_data.%d.%d.audience_ids", c.row, c.place)
	switch {
	case !ok:
		return refuse(codeParameter, "%s: Audience does not exist.", at)
	case !advertisers[found.advertiser]:
		return refuse(codeNoPermission, "No permission to operate audience: %s.", found.id)
	case !found.segment:
		return refuse(codeParameter, "%s: Not a Partner audience.", at)
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
