package audiencefile

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/audiencefile/build"
)

// tableAt is what the audience should be at the offsets a run recorded: a reading of the whole log, compaction aside.
func tableAt(log [][]pipeline.Record, spans []build.Span) []string {
	t := newTopic(len(log))
	for _, s := range spans {
		for _, r := range log[s.Partition][:s.To] {
			t.apply(string(r.Key), string(r.Value))
		}
	}
	return t.members()
}

// TestTwoInstancesServeAChangingTable lets two instances serve a table that changes all the time, for some days: rows come
// while it is read, partitions lag, the broker compacts, instances are killed and started again, some with an empty disk.
// The law: whatever TikTok took is exactly the table at the offsets that the run recorded, at most once in 24 hours.
func TestTwoInstancesServeAChangingTable(t *testing.T) {
	t.Parallel()
	for range 3 {
		seed := cmp.Or(*seedFlag, rand.Uint64())
		synctest.Test(t, func(t *testing.T) { serveSomeDays(t, seed) })
	}
}

var seedFlag = flag.Uint64("seed", 0, "run the changing table with this seed; 0: a random one")

// randomTable is a table under random changes, with its whole log next to the topic that is compacted.
type randomTable struct {
	*rand.Rand
	w   *world
	log [][]pipeline.Record
}

func (r *randomTable) change(n int) {
	for range n {
		key := r.w.topic.key(r.IntN(4000))
		switch r.IntN(10) {
		case 0:
			r.w.topic.write(key, "")
		case 1:
			r.w.topic.write(key, "d|old@example.com|true")
		case 2:
			r.w.topic.write(key, fmt.Sprintf("u|person%d@example.com|false", r.IntN(4000)))
		case 3:
			r.w.topic.write(key, "u|no address|true")
		default:
			r.w.topic.write(key, fmt.Sprintf("u|Person%d@Example.com|true", r.IntN(3500)))
		}
	}
	r.keepLog()
}

func (r *randomTable) keepLog() {
	r.w.topic.mu.Lock()
	defer r.w.topic.mu.Unlock()
	for i, p := range r.w.topic.partitions {
		r.log[i] = append(r.log[i], p[len(r.log[i]):]...)
	}
}

func serveSomeDays(t *testing.T, seed uint64) {
	w := newWorld(t, plainConfig)
	table := &randomTable{rand.New(rand.NewPCG(seed, 0)), w, make([][]pipeline.Record, 3)}
	table.change(6000)
	reads := 0
	w.topic.during = func(read int) {
		if read%500 == 0 && reads < 6 { // rows come and compaction runs, for a while
			reads++
			table.change(20)
			w.topic.compact()
		}
	}
	for day := range 3 {
		reads = 0
		serveADay(t, w, table, fmt.Sprintf("seed %d, day %d", seed, day))
		table.change(300)
	}
	if a, _ := w.held(); len(a.History) < 2 {
		t.Errorf("seed %d: TikTok took %d changes in three days", seed, len(a.History))
	}
	once(t, w, seed)
}

// serveADay lets two instances serve the hours of a day in which something is to be done, kills one of them at some step,
// and checks what TikTok took.
func serveADay(t *testing.T, w *world, table *randomTable, name string) {
	ctx, end := context.WithCancel(t.Context())
	mortal, stop := context.WithCancel(ctx)
	defer stop()
	k := &killer{at: 1 + table.IntN(60), stop: stop}
	victim := newWorld(t, w.config)
	victim.topic, victim.state, victim.letters, victim.tiktok, victim.crash = w.topic, w.state, w.letters, w.tiktok, k.step
	a, b := victim.instance(tempDir(t)), w.instance(tempDir(t))
	done := make(chan error, 2)
	go func() { done <- a.Serve(mortal) }()
	go func() { done <- b.Serve(ctx) }()
	<-time.After(6 * time.Hour)
	end()
	<-done
	<-done
	<-time.After(18 * time.Hour)
	list, err := Manifests(t.Context(), w.store(), a.deps.Advertiser, a.plan.cfg.Audience)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(m Manifest) bool { return m.Result == Uploaded })
	if i < 0 {
		if len(w.tiktok.Audiences()) > 0 {
			return // killed between TikTok's answer and its manifest, which on the first day would be the only one
		}
		t.Fatalf("%s: nothing was uploaded: %+v\n%s\n%s", name, list, a.log.String(), b.log.String())
	}
	_, got := w.held()
	if want := tableAt(table.log, list[i].Spans); !slices.Equal(got, want) && isLast(w, list[i].Run) {
		t.Errorf("%s: TikTok holds %d members, the table had %d at the recorded offsets", name, len(got), len(want))
	}
	if k.dead && strings.Contains(b.log.String(), "lost the audience's lease") {
		t.Errorf("%s: the survivor lost its lease", name)
	}
}

// isLast reports whether the run is the one whose content TikTok holds: not where a killed instance's upload followed.
func isLast(w *world, run string) bool {
	l := ledger{}
	d := Deps{Store: w.store(), ledger: AudienceKey("7000000000000000001", Audience{Name: "Lapsed customers"})}
	return d.load(context.Background(), "ledger", &l) == nil && runOf(l.Last) == run
}

// once fails where TikTok took two changes within a day.
func once(t *testing.T, w *world, seed uint64) {
	a, _ := w.held()
	for i := 1; i < len(a.History); i++ {
		if gap := a.History[i].Time.Sub(a.History[i-1].Time); gap < 24*time.Hour {
			t.Errorf("seed %d: two changes within %s: %+v", seed, gap, a.History)
		}
	}
}
