package sandbox

import "sync"

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
