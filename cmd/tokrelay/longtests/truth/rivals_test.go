//go:build synctests

package truth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/pipeline"
)

// party is a configuration with the members that run it. All have one state topic, and no check sees two of them together. Those of one
// kafka.group fill an audience together. A sync of another group that names it is held: it says so and sends nothing, until the
// others are taken away and a resync gives it the audience.
type party struct {
	group   string
	sync    string // of a rival
	config  string
	members []*virtual.Member
	held    atomic.Bool
}

// watched are a party's calls: one that is held has none that change something.
type watched struct {
	w *world
	p *party
}

func (s watched) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.p.held.Load() && r.Method != http.MethodGet {
		s.w.Errorf("sync %s fills no audience, and sends %s", s.p.sync, r.URL.Path)
	}
	return s.w.api.RoundTrip(r)
}

// secondComes starts a member of another configuration, whose sync fills the audience too, once the first one has it.
func (w *world) secondComes() {
	a := w.audiences[0]
	s := a.streams[len(a.streams)-1]
	if s.by == w.filler { // one configuration has both
		w.come()
		return
	}
	if w.second == nil {
		if w.settle(); w.Failed() || len(w.tiktok.Audiences()) == 0 {
			return
		}
		means := w.meaningOf(a)
		w.second = &party{group: w.filler.group, config: w.configOf(w.filler.group, block{a, s, s.sync, means})}
		s.by = w.second
		w.note("sync %s fills the same audience, by its %s", s.sync, means)
	}
	w.comes(w.second)
}

// meaningOf names an audience that is there.
func (w *world) meaningOf(a *audience) string {
	for _, found := range w.tiktok.Audiences() {
		if found.Name == a.name && w.rand.IntN(2) == 0 {
			return fmt.Sprintf("id: %q", found.ID)
		}
	}
	return "name: " + a.name
}

// rivalComes starts a member of the other party, once the first one has the audience.
func (w *world) rivalComes() {
	if w.rival == nil {
		if w.settle(); w.Failed() || len(w.tiktok.Audiences()) == 0 {
			return
		}
		w.rival = w.newRival()
	}
	w.comes(w.rival)
}

// newRival is a party that means the first one's audience.
func (w *world) newRival() *party {
	a := w.audiences[0]
	means := w.meaningOf(a)
	p := &party{group: "rivals", sync: "rival"}
	p.config = w.configOf(p.group, block{a, a.streams[0], p.sync, means})
	p.held.Store(true)
	w.note("sync rival of another group means the same audience, by its %s", means)
	return p
}

// rivalLeaves stops one of its members.
func (w *world) rivalLeaves() {
	if w.rival == nil {
		return
	}
	for _, m := range virtual.Running(w.rival.members) {
		w.note("%s leaves", m.Name)
		m.Leave()
		return
	}
}

// handOver takes the party away that fills the audience, and has the other take it over, as the held sync's trouble says.
func (w *world) handOver() {
	if w.rival == nil || w.isEmpty() {
		return
	}
	if w.settle(); w.Failed() {
		return
	}
	w.allLeave()
	s := w.audiences[0].streams[0]
	w.note("%s takes the audience over from %s", w.rival.sync, s.sync)
	w.filler.sync = s.sync
	w.filler, w.rival = w.rival, w.filler
	w.filler.members, w.rival.members = nil, nil
	w.filler.held.Store(false)
	w.rival.held.Store(true)
	s.sync, s.by = w.filler.sync, w.filler
	w.resync(s)
	w.join()
	w.settle() // before that the other has the audience still, if it comes back
}

// unheld is what is missing of the other party's trouble: where it has rows to read, one of its members says who fills the audience.
func (w *world) unheld() string {
	if w.rival == nil || len(virtual.Running(w.rival.members)) == 0 || w.uncommitted(w.rival, w.rival.sync, w.tables) == "" {
		return ""
	}
	want := "is filled by sync " + w.audiences[0].streams[0].sync + " already"
	for _, m := range virtual.Running(w.rival.members) {
		for _, t := range m.Wiring.Status.Troubles(w.rival.sync) {
			if t.Stop && strings.Contains(t.What, want) {
				return ""
			}
		}
	}
	return fmt.Sprintf("no member of sync %s says that the audience %s", w.rival.sync, want)
}

// fillers are the parties that fill audiences.
func (w *world) fillers() []*party {
	if w.second == nil {
		return []*party{w.filler}
	}
	return []*party{w.filler, w.second}
}

// everyone are the members of all parties.
func (w *world) everyone() (list []*virtual.Member) {
	for _, p := range []*party{w.filler, w.second, w.rival} {
		if p != nil {
			list = append(list, p.members...)
		}
	}
	return list
}

// begun are the syncs that fill audiences by now.
func (w *world) begun() []*stream {
	return slices.DeleteFunc(w.streams(), func(s *stream) bool { return s.by == nil })
}

func (w *world) streams() (list []*stream) {
	for _, a := range w.audiences {
		list = append(list, a.streams...)
	}
	return list
}

// judgeRival fails where the other party has delivered rows.
func (w *world) judgeRival() {
	w.Helper()
	if w.rival == nil {
		return
	}
	for _, m := range w.rival.members {
		c, err := m.Wiring.Metrics.Counts(w.rival.sync)
		if n := c.Settled[pipeline.Delivered]; err != nil || n > 0 {
			w.Errorf("%s of sync %s fills no audience, and has delivered %d rows (%v)", m.Name, w.rival.sync, n, err)
		}
	}
}
