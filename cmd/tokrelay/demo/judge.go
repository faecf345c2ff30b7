package demo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// judge holds what the story meant next to what happened: by the daemon's counters, and by TikTok's own.
type judge struct {
	syncs    []verdict
	tiktok   sandbox.Stats
	repeated int64                      // rows that came twice
	distinct int64                      // events TikTok has to hold
	want     map[string]map[string]bool // digests the newsletter has to hold, by type
	have     map[string][]string        // and those it holds
	uploads  []upload
}

// verdict is one sync's part.
type verdict struct {
	name  string
	want  metrics.Counts
	got   metrics.Counts
	fault string // what could not be read
}

func newJudge(s *story, d *daemon.Daemon, in *standIns) *judge {
	j := &judge{tiktok: in.tiktok.Stats(), want: s.audience()}
	for _, a := range in.tiktok.Audiences() {
		if a.Name == "Newsletter" {
			j.have = in.tiktok.Members(a.ID)
		}
	}
	want := map[string]*metrics.Counts{}
	for _, p := range s.records {
		c := want[p.fate.sync]
		if c == nil {
			c = &metrics.Counts{Settled: map[pipeline.Outcome]int64{}, Rejected: map[pipeline.Reason]int64{}}
			want[p.fate.sync] = c
		}
		c.Records++
		if p.fate.outcome != pipeline.Unsettled {
			c.Settled[p.fate.outcome]++
		}
		switch {
		case p.fate.outcome == pipeline.DeadLettered:
			c.Rejected[p.fate.reason]++
		case p.fate.repeated:
			j.repeated++
		case p.fate.outcome == pipeline.Delivered:
			j.distinct++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		v := verdict{name: name, want: *want[name]}
		var err error
		if v.got, err = d.Wiring.Metrics.Counts(name); err != nil {
			v.fault = err.Error()
		}
		j.syncs = append(j.syncs, v)
	}
	return j
}

// check is one thing that has to be true, in words with its numbers.
type check struct {
	ok   bool
	text string
}

// checks are the demo's claims.
func (j *judge) checks() []check {
	var list []check
	for _, v := range j.syncs {
		d, r, s := v.got.Settled[pipeline.Delivered], v.got.Settled[pipeline.DeadLettered], v.got.Settled[pipeline.Skipped]
		list = append(list, check{v.want.Records == d+r+s && v.fault == "",
			fmt.Sprintf("%s: rows in = delivered + rejected + skipped   %d = %d + %d + %d %s", v.name, v.want.Records, d, r, s, v.fault)})
		if len(v.want.Settled) == 0 { // an audience is judged by what TikTok holds in the end
			continue
		}
		list = append(list, check{maps.Equal(v.want.Settled, nonzero(v.got.Settled)) && maps.Equal(v.want.Rejected, nonzero(v.got.Rejected)),
			fmt.Sprintf("%s: every row met the fate the generator gave it, reason by reason", v.name)})
	}
	for _, kind := range slices.Sorted(maps.Keys(j.want)) {
		list = append(list, check{sameSet(j.want[kind], j.have[kind]),
			fmt.Sprintf("newsletter: TikTok holds %d %s, exactly those of the table's %d members", len(j.have[kind]), kind, len(j.want[kind]))})
	}
	for i := range j.uploads {
		list = append(list, j.uploads[i].check())
	}
	return append(list,
		check{j.tiktok.Events.Accepted == j.distinct, fmt.Sprintf("TikTok counts %d events; %d different good rows were written", j.tiktok.Events.Accepted, j.distinct)},
		check{j.tiktok.Events.Duplicates >= j.repeated, fmt.Sprintf("%d rows came twice; TikTok dropped %d repeats by their event_id", j.repeated, j.tiktok.Events.Duplicates)},
	)
}

func sameSet(want map[string]bool, have []string) bool {
	for _, h := range have {
		if !want[h] {
			return false
		}
	}
	return len(have) == len(want)
}

func nonzero[K comparable](m map[K]int64) map[K]int64 {
	m = maps.Clone(m)
	maps.DeleteFunc(m, func(_ K, n int64) bool { return n == 0 })
	return m
}

// byCount orders a count's keys, the largest first.
func byCount[K cmp.Ordered](m map[K]int64) []K {
	return slices.SortedFunc(maps.Keys(m), func(x, y K) int { return cmp.Or(cmp.Compare(m[y], m[x]), cmp.Compare(x, y)) })
}
