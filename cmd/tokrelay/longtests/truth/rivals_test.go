//go:build synctests

package truth

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
	"github.com/tokrelay/tokrelay/pipeline"
)

// party is a sync with the members that run it. Two that name one audience have configurations of their own and one state topic:
// no check sees them together. The first fills the audience. The other is held: it says so and sends nothing,
// until the first is taken away and a resync gives it the audience.
type party struct {
	sync    string
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

// rivalComes starts a member of the other party, once the first one has the audience.
func (w *world) rivalComes() {
	if w.rival == nil {
		if w.settle(); w.Failed() || len(w.tiktok.Audiences()) == 0 {
			return
		}
		w.rival = w.newRival()
	}
	if n := len(virtual.Running(w.rival.members)); n == 0 || w.has[instances] && n < 2 {
		w.joinAs(w.rival)
	}
}

// newRival is a party that means the first one's audience.
func (w *world) newRival() *party {
	a := w.audiences[0]
	means := "name: " + a.name
	if w.rand.IntN(2) == 0 {
		means = fmt.Sprintf("id: %q", w.tiktok.Audiences()[0].ID)
	}
	p := &party{sync: "rival"}
	p.config = w.configOf(func(*audience) (string, string) { return p.sync, means })
	p.held.Store(true)
	w.note("sync rival means the same audience, by its %s", means)
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
	if w.rival == nil {
		return
	}
	if w.settle(); w.Failed() {
		return
	}
	virtual.Part(w, w.parties())
	<-time.After(time.Minute) // sessions of those that were killed are over
	w.evict()
	w.note("%s takes the audience over from %s", w.rival.sync, w.filler.sync)
	w.filler, w.rival = w.rival, w.filler
	w.filler.members, w.rival.members = nil, nil
	w.filler.held.Store(false)
	w.rival.held.Store(true)
	w.audiences[0].sync = w.filler.sync
	w.resync()
	w.join()
	w.settle() // before that the other has the audience still, if it comes back
}

// resync is `tokrelay resync` of the sync that fills the audience from now on.
func (w *world) resync() {
	config, err := w.start(w.filler).On(virtual.NewLink(&w.net, w.api))
	if err != nil {
		w.Fatal(err)
	}
	o := daemon.Options{Instance: "resync"}
	wiring, err := daemon.Wire(config, o)
	if err != nil {
		w.Fatal(err)
	}
	defer wiring.Close()
	s := &config.Syncs[0]
	plan, err := replay.PlanResync(w.Context(), wiring.Admin, config, s, replay.ResyncOptions{Partition: -1}, time.Now())
	if err == nil {
		err = plan.Resync(w.Context(), config, s, o)
	}
	if err != nil {
		w.Fatalf("resync %s: %v", s.Name, err)
	}
}

// unheld is what is missing of the other party's trouble: where it has rows to read, one of its members says who fills the audience.
func (w *world) unheld() string {
	if w.rival == nil || len(virtual.Running(w.rival.members)) == 0 || w.uncommitted(w.rival.sync, w.tables) == "" {
		return ""
	}
	want := "is filled by sync " + w.filler.sync + " already"
	for _, m := range virtual.Running(w.rival.members) {
		for _, t := range m.Wiring.Status.Troubles(w.rival.sync) {
			if t.Stop && strings.Contains(t.What, want) {
				return ""
			}
		}
	}
	return fmt.Sprintf("no member of sync %s says that the audience %s", w.rival.sync, want)
}

// parties are the members of both.
func (w *world) parties() []*virtual.Member {
	if w.rival == nil {
		return w.filler.members
	}
	return slices.Concat(w.filler.members, w.rival.members)
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
