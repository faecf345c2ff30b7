//go:build synctests

package owners

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

var flags = virtual.NewFlags()

// The law: whatever happens to the tables, to their logs, to TikTok and to the instances, once all is quiet TikTok's set is
// what the tables say.
func TestOnceAllIsQuietTheAudienceIsTheTables(t *testing.T) {
	flags.Each(t, 8, func(t *testing.T, r *rand.Rand, log *virtual.Logs) {
		w := newWorld(t, r, log)
		defer w.end()
		w.history()
		t.Logf("calls %d, overlaps %d, groups that stood still %d", w.tiktok.calls, w.tiktok.overlaps, w.stalls)
		if t.Failed() {
			t.Logf("story:\n%s\nlog:\n%s", w.told(), log.Tail())
		}
	})
}

func (w *world) history() {
	for range 1 + w.rand.IntN(w.most) {
		w.start()
	}
	for range 20 + w.rand.IntN(30) {
		w.happen()
	}
	w.tiktok.calm()
	time.Sleep(6 * session) // who is frozen comes back
	if len(w.live) == 0 {
		w.start()
	}
	if !w.settled("settled") {
		return
	}
	if w.rand.IntN(2) == 0 && !w.mended() {
		return
	}
	w.compact()
	for _, s := range w.sources {
		for _, id := range slices.Sorted(maps.Keys(s.rows)) {
			w.put(s, id, nil)
		}
		clear(s.table)
	}
	if w.settled("all rows deleted") && len(w.tiktok.set) > 0 {
		w.Errorf("all rows are deleted, and TikTok holds %d digests", len(w.tiktok.set))
	}
}

// mended has TikTok accept what it refused, and the letters replayed.
func (w *world) mended() bool {
	w.tiktok.mu.Lock()
	clear(w.tiktok.poison)
	refused := slices.Sorted(maps.Keys(w.tiktok.refused))
	w.tiktok.mu.Unlock()
	w.sayAgain(refused)
	return w.settled("letters replayed")
}

// sayAgain is the replay of the letters of refused digests.
func (w *world) sayAgain(refused []string) {
	for n := range byte(16) {
		if !slices.Contains(refused, digestOf(n)) {
			continue
		}
		var a owners.Assertion
		read(&a, person{member: true, addresses: []byte{n}}.value(0))
		owners.SayAgain(w.topics, a.Digests, owners.TagOf("sync0"), owners.Source{Topic: []byte("source0")}, w.write)
	}
}

// write is a plain producer's.
func (w *world) write(topic string, partition int32, key, value []byte) {
	w.must(w.client.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value}).FirstErr())
}

// want is what TikTok is to hold.
func (w *world) want() map[string]bool {
	want := map[string]bool{}
	for _, s := range w.sources {
		for _, p := range s.table {
			for _, n := range p.addresses {
				if d := digestOf(n); p.member && !w.tiktok.poison[d] {
					want[d] = true
				}
			}
		}
	}
	return want
}

// differences are digests that are missing, and that are too much.
func (w *world) differences() (missing, extra int) {
	w.tiktok.mu.Lock()
	defer w.tiktok.mu.Unlock()
	want := w.want()
	for d := range want {
		if !w.tiktok.set[d] {
			missing++
			w.note("missing: %s", d[:8])
		}
	}
	for d := range w.tiktok.set {
		if !want[d] {
			extra++
			w.note("too much: %s", d[:8])
		}
	}
	return missing, extra
}

// settled waits until all is quiet, and compares. A group that stands still though records wait is kfake's: a member that died
// while it joined is counted for ever. Its members are replaced.
func (w *world) settled(when string) bool {
	w.Helper()
	for try := 0; ; try++ {
		quiet := w.quiet(20 * time.Second)
		missing, extra := w.differences()
		switch {
		case quiet && missing+extra == 0:
			return true
		case try == 3 || quiet && !w.lagging():
			w.Errorf("%s: %d digests are missing, %d are too much; quiet: %v", when, missing, extra, quiet)
			return false
		}
		w.stalls++
		w.note("stands still")
		for _, in := range w.live {
			w.kill(in)
		}
		w.live = nil
		time.Sleep(8 * session)
		w.start()
	}
}

// quiet waits until nothing has happened for a while.
func (w *world) quiet(d time.Duration) bool {
	last, since := w.acts.Load(), time.Now()
	for range 700 {
		time.Sleep(500 * time.Millisecond)
		busy := slices.ContainsFunc(w.live, func(in *instance) bool { return in.claims.Waiting() > 0 })
		if n := w.acts.Load(); n != last || busy {
			last, since = n, time.Now()
		} else if time.Since(since) >= d {
			return true
		}
	}
	return false
}

// lagging reports whether a group has records before it.
func (w *world) lagging() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	from := map[string]map[int32]kgo.Offset{}
	add := func(group, topic string, parts int32) {
		offsets, _ := w.adm.FetchOffsets(ctx, group)
		from[topic] = map[int32]kgo.Offset{}
		for p := range parts {
			from[topic][p] = kgo.NewOffset().AtStart()
			if o, ok := offsets.Lookup(topic, p); ok && o.At >= 0 {
				from[topic][p] = kgo.NewOffset().At(o.At)
			}
		}
	}
	add(rowsGroup, w.topics.Rows, w.topics.Parts)
	add(claimsGroup, w.topics.Claims, w.topics.Parts)
	for _, s := range w.sources {
		add(s.group(), s.topic, s.parts)
	}
	client, err := virtual.NewClient(&w.net, w.broker, kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return false
	}
	defer client.Close()
	soon, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	return client.PollFetches(soon).NumRecords() > 0
}
