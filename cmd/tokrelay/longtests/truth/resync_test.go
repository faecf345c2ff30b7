//go:build synctests

package truth

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
)

// resyncs has syncs read their topics again from the start, as an operator does: once nobody runs. Now and then the source was made again
// before, and tells of what there is now alone: rows are gone without a word.
func (w *world) resyncs() {
	if w.isEmpty() {
		return
	}
	list := w.begun()
	again := w.rand.IntN(2) == 0
	if !again {
		list = list[w.rand.IntN(len(list)):][:1]
	}
	w.allLeave()
	if again {
		w.makeAgain()
		w.meddle()
	}
	for _, s := range list {
		w.note("resync of %s", s.sync)
		w.resync(s)
	}
	for _, p := range w.fillers() {
		w.joinAs(p)
	}
	w.settle() // a history has other ways to come back
}

// isEmpty reports whether a sync has no row to read again.
func (w *world) isEmpty() bool {
	return slices.ContainsFunc(w.begun(), func(s *stream) bool {
		return !slices.ContainsFunc(s.tables, func(t *table) bool { return len(t.rows) > 0 })
	})
}

// allLeave has all members end, and waits until their groups know it.
func (w *world) allLeave() {
	w.calm()
	virtual.Part(w, w.everyone())
	<-time.After(time.Minute) // sessions of those that were killed are over
	w.evict()
}

// makeAgain empties the logs and writes what the tables hold now, except for some rows.
func (w *world) makeAgain() {
	w.flush()
	w.note("the source is made again")
	ends := map[string]map[int32]int64{}
	for topic, written := range w.written {
		ends[topic] = maps.Clone(written)
	}
	for _, t := range w.tables {
		for i, id := range slices.Sorted(maps.Keys(t.rows)) {
			if r := t.rows[id]; i == 0 || w.rand.IntN(4) > 0 {
				w.heard(t, id, row{}, r)
				w.put(t, id, "r", row{}, r)
			} else {
				w.note("%s/%d is gone without a word", t.topic, id)
				delete(t.rows, id)
				w.heard(t, id, row{}, row{})
			}
		}
	}
	w.flush()
	for topic, partitions := range ends {
		for p, end := range partitions {
			if err := w.broker.DeleteRecords(topic, p, end); err != nil {
				w.Fatal(err)
			}
		}
	}
}

// meddle has some people taken out of the audiences, by no one that we know: a resync of all syncs puts them back.
func (w *world) meddle() {
	for _, found := range w.tiktok.Audiences() {
		members := w.tiktok.Members(found.ID)
		for _, kind := range slices.Sorted(maps.Keys(members)) { // in their order: a seed gives the same history
			list := members[kind]
			if len(list) == 0 || w.rand.IntN(2) == 0 {
				continue
			}
			slices.Sort(list)
			w.note("TikTok loses %s %s of audience %s", kind, list[0][:8], found.Name)
			w.callTikTok("/segment/mapping/", fmt.Sprintf(`{"advertiser_ids":["7000000000000000001"],"action":"delete","id_schema":[%q],"batch_data":[[{"id":%q,"audience_ids":[%q]}]]}`,
				kind, list[0], found.ID))
		}
	}
}

func (w *world) callTikTok(path, body string) {
	r, err := http.NewRequestWithContext(w.Context(), http.MethodPost, "https://business-api.tiktok.com/open_api/v1.3"+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Access-Token", "sandbox-token")
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.tiktok.Transport().RoundTrip(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || !strings.Contains(string(text), `"code":0`) {
		w.Fatalf("TikTok: %v %s", err, text)
	}
}

// resync is `tokrelay resync` of a sync.
func (w *world) resync(s *stream) {
	config, err := w.start(s.by).On(virtual.NewLink(&w.net, w.api))
	if err != nil {
		w.Fatal(err)
	}
	o := daemon.Options{Instance: "resync"}
	wiring, err := daemon.Wire(config, o)
	if err != nil {
		w.Fatal(err)
	}
	defer wiring.Close()
	for i := range config.Syncs {
		of := &config.Syncs[i]
		if of.Name != s.sync {
			continue
		}
		plan, err := replay.PlanResync(w.Context(), wiring.Admin, config, of, replay.ResyncOptions{Partition: -1}, time.Now())
		if err == nil {
			err = plan.Resync(w.Context(), config, of, o)
		}
		if err != nil {
			w.Fatalf("resync %s: %v", s.sync, err)
		}
	}
}

// widen gives the topics one more partition each, where rows move to. That is done while all is quiet: in which order two
// partitions of one key are read is the source's own affair.
func (w *world) widen() {
	if w.settle(); w.Failed() || w.partitions > 7 {
		return
	}
	for _, t := range w.tables {
		if _, err := kadm.NewClient(w.client).CreatePartitions(w.Context(), 1, t.topic); err != nil {
			w.Fatal(err)
		}
	}
	w.client.ForceMetadataRefresh()
	<-time.After(5 * time.Second)
	w.partitions++
	w.note("%d partitions", w.partitions)
}
