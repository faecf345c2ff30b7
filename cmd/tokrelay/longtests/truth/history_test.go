//go:build synctests

package truth

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
)

var flags = virtual.NewFlags()

// The law (P10): whatever happens to the table, to its log, to TikTok and to the members, once all is quiet the audience is
// the table.
func TestOnceAllIsQuietTheAudienceIsTheTable(t *testing.T) {
	of, rows := kinds(t), newWriter(t)
	flags.Each(t, 6, func(t *testing.T, r *rand.Rand, log *virtual.Logs) {
		w := newWorld(t, r, log, of, rows)
		defer w.end()
		w.live()
		w.calm()
		virtual.Part(w, w.everyone())
		if t.Failed() {
			t.Logf("kinds %s\n%s\nstory:\n%s\nlog:\n%s", &w.traits, w.filler.config, strings.Join(w.story, "\n"), log.Tail())
		}
	})
}

// live lets things happen, then holds the audiences against the tables; twice, because what one rest leaves the next one starts from.
func (w *world) live() {
	if w.style == fileUpload {
		w.populate()
	}
	if w.rand.IntN(3) > 0 { // else the log has a past before the first member comes
		w.join()
	}
	for range 2 {
		for range 4 + w.rand.IntN(16) {
			w.happen()
		}
		if w.style == fileUpload {
			w.nightShift()
		}
		w.settle()
		if w.judge(); w.Failed() {
			return
		}
	}
	if w.verify(); w.style != fileUpload && !w.Failed() {
		w.empty()
	}
}

// empty deletes every row: TikTok may hold nothing then.
func (w *world) empty() {
	w.note("every row is deleted")
	for _, t := range w.tables {
		for _, id := range slices.Sorted(maps.Keys(t.rows)) {
			w.remove(t, id)
		}
	}
	w.flush()
	w.settle()
	for _, a := range w.audiences {
		if n := len(w.held(a)); n > 0 {
			w.Errorf("every row is deleted, and audience %s has %d digests", a.name, n)
		}
	}
	w.judge()
}

// calm ends all trouble.
func (w *world) calm() {
	w.restless.Store(false)
	w.tiktok.ClearFaults()
	w.refuse()
	for _, m := range w.everyone() {
		m.Link.Thaw()
		if !m.Leaving {
			m.Link.Restore()
		}
	}
}

// quiet ends all trouble, and has someone run who fills the audiences.
func (w *world) quiet() {
	w.calm()
	for _, p := range w.fillers() {
		if len(virtual.Running(p.members)) == 0 {
			w.joinAs(p)
		}
	}
	w.note("all is quiet")
}

// patience is how long the members may take, once all is quiet.
const patience = 8 * time.Minute

// settle waits until nothing is left to do: not for the members, nor for calls and sessions of those that have gone.
func (w *world) settle() {
	w.Helper()
	if w.style == fileUpload {
		w.awaitUpload()
		return
	}
	w.quiet()
	w.await("read everything", w.behind)
	<-time.After(w.afterwards())
	w.await("read everything", w.behind)
	w.note("all is read")
}

func (w *world) await(what string, left func() string) {
	w.Helper()
	began := time.Now()
	for looked := 1; ; looked++ {
		missing := left()
		if missing == "" || w.Failed() {
			return
		}
		if time.Since(began) > patience {
			w.Errorf("%v passed and the group has not %s: %s", patience, what, missing)
			return
		}
		if looked%90 == 0 {
			w.evict()
		}
		if looked%30 == 0 && w.has[refusals] {
			w.witness()
		}
		<-time.After(time.Second)
	}
}

// witness has rows come and go that TikTok accepts: where it refuses all that an instance sends, no row is blamed, and all wait.
func (w *world) witness() {
	t := w.tables[0]
	var ids []int64
	for range 12 { // so that each instance has some
		w.unique++
		name := fmt.Sprintf("witness%d@shop.example", w.unique)
		ids = append(ids, w.newKey(t))
		w.create(t, ids[len(ids)-1], row{email: w.meaning(name, name), optIn: true, lapsed: true})
	}
	w.flush()
	<-time.After(10 * time.Second)
	for _, id := range ids {
		w.remove(t, id)
	}
	w.flush()
}

// evict puts members out of the groups that a real broker would not have kept.
func (w *world) evict() {
	groups, err := kadm.NewClient(w.client).ListGroups(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	for _, group := range groups.Groups() {
		if err := w.pulse.Evict(w.Context(), w.client, group); err != nil {
			w.Error(err)
		}
	}
}

// behind is what the groups have not committed, or a member says that is left.
func (w *world) behind() string {
	for _, s := range w.begun() {
		if left := w.uncommitted(s.by, s.sync, s.tables); left != "" {
			return left
		}
		for _, m := range virtual.Running(s.by.members) {
			c, err := m.Wiring.Metrics.Counts(s.sync)
			if err != nil {
				w.Fatal(err)
			}
			if c.LagRecords != 0 || c.Unsettled != 0 {
				return fmt.Sprintf("%s of %s is %d records behind, %d unsettled; caught up: %v", s.sync, m.Name, c.LagRecords, c.Unsettled, m.CaughtUp(w.Context()))
			}
		}
	}
	for _, p := range w.fillers() {
		for _, m := range virtual.Running(p.members) {
			if !m.CaughtUp(w.Context()) {
				return m.Name + " says that it has not caught up"
			}
		}
	}
	return w.unheld()
}

func (w *world) uncommitted(p *party, sync string, tables []*table) string {
	group := w.broker.GroupInfo(p.group + "." + sync)
	for _, t := range tables {
		for id, end := range w.written[t.topic] {
			at := int64(0)
			if group != nil {
				at = group.Commits[t.topic][id].Offset
			}
			if at < end {
				return fmt.Sprintf("%s has committed %s/%d at %d, and the end is %d", sync, t.topic, id, at, end)
			}
		}
	}
	return ""
}

// judge holds TikTok's sets against the truth.
func (w *world) judge() {
	w.Helper()
	for _, difference := range w.differs() {
		w.Error(difference)
	}
	w.judgeRival()
}

// differs are the differences between TikTok's sets and the truth.
func (w *world) differs() (list []string) {
	for _, a := range w.audiences {
		truth, held := a.truth(), w.held(a)
		maps.DeleteFunc(truth, func(d digest, _ string) bool { return w.refused[d.hex] })
		for _, d := range slices.SortedFunc(maps.Keys(truth), compare) {
			if !held[d] {
				list = append(list, fmt.Sprintf("%s: %s %s is missing: %s, of%s", a.name, d.kind, d.hex[:8], w.addresses[d.hex], truth[d]))
			}
		}
		for _, d := range slices.SortedFunc(maps.Keys(held), compare) {
			if truth[d] == "" {
				list = append(list, fmt.Sprintf("%s: %s %s is too much: %s", a.name, d.kind, d.hex[:8], w.addresses[d.hex]))
			}
		}
	}
	return list
}

func compare(a, b digest) int { return strings.Compare(a.kind+a.hex, b.kind+b.hex) }

// held is what TikTok has.
func (w *world) held(a *audience) map[digest]bool {
	set := map[digest]bool{}
	for _, found := range w.tiktok.Audiences() {
		if found.Name != a.name {
			continue
		}
		for kind, list := range w.tiktok.Members(found.ID) {
			for _, hex := range list {
				set[digest{kind, hex}] = true
			}
		}
	}
	return set
}

// afterwards is how long those that have gone may still change something: until their calls and sessions are over, and where partitions
// were taken from them, until it is known what their calls did.
func (w *world) afterwards() time.Duration {
	if w.has[fences] || w.has[cuts] || w.has[freezes] || w.has[resyncing] {
		return time.Minute
	}
	return w.longest + 15*time.Second
}
