package debugger

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// docs are documents by key that instances share; it is *state.Store.
type docs interface {
	Get(key string) ([]byte, bool)
	Keys(prefix string) []string
	Put(ctx context.Context, key string, doc []byte) error
}

const (
	trendPrefix = "trend/" // of keys: trend/<day>/<sync>/<instance>/<start>
	trendStep   = 15 * time.Minute
	trendFirst  = 5 * time.Second
	trendEvery  = time.Minute
	trendDays   = 8 // a week, and today
)

// trend writes what this instance did, in steps of a quarter of an hour, to the state topic: charts of days show all instances, also such
// as are gone, and a restart forgets nothing.
type trend struct {
	docs docs
	me   string // the last two parts of keys
	read func(sync string) (trendPoint, bool)
	now  func() time.Time

	mu    sync.Mutex
	day   string
	syncs map[string]*trendDay
}

// trendPoint is one step. What is counted belongs to the step alone; the rest is as it was at the end.
type trendPoint struct {
	Slot      int   `json:"t"` // of the day
	Delivered int64 `json:"d,omitempty"`
	Rejected  int64 `json:"r,omitempty"`
	Skipped   int64 `json:"s,omitempty"`
	Lag       int64 `json:"l,omitempty"`
	Members   int64 `json:"m,omitempty"` // rows remembered of a streamed audience
	Covered   int64 `json:"c,omitempty"` // people that TikTok matched
}

// trendDay is a sync's day.
type trendDay struct {
	points []trendPoint
	total  trendPoint // counted since the start of the process, when it was last looked at
	wrote  trendPoint // the last point that was written
}

func newTrend(d docs, instance string, read func(sync string) (trendPoint, bool), now func() time.Time) *trend {
	return &trend{docs: d, me: url.PathEscape(cmp.Or(instance, "instance")) + "/" + rand.Text()[:8], read: read, now: now, syncs: map[string]*trendDay{}}
}

// pointOf is what the metrics say of a sync.
func pointOf(c *metrics.Counts) trendPoint {
	return trendPoint{Delivered: c.Settled[pipeline.Delivered], Rejected: c.Settled[pipeline.DeadLettered], Skipped: c.Settled[pipeline.Skipped], Lag: c.LagRecords}
}

// run writes until ctx ends, and once more then. Where the state topic does not take it, charts of days lack it; reports say so already.
func (t *trend) run(ctx context.Context, syncs []string) {
	for wait := trendFirst; ; wait = trendEvery {
		ended := pipeline.Wait(ctx, wait) != nil
		write, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		t.write(write, syncs)
		cancel()
		if ended {
			return
		}
	}
}

func (t *trend) write(ctx context.Context, syncs []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().UTC()
	if day := now.Format(time.DateOnly); day != t.day {
		t.day = day
		t.forget(ctx, now)
		for _, d := range t.syncs {
			d.points, d.wrote = nil, trendPoint{}
		}
	}
	for _, name := range syncs {
		point, ok := t.read(name)
		if !ok {
			continue
		}
		d := t.syncs[name]
		if d == nil {
			d = &trendDay{}
			t.syncs[name] = d
		}
		d.add(point, int(now.Sub(now.Truncate(24*time.Hour))/trendStep))
		if last := d.points[len(d.points)-1]; last != d.wrote {
			if text, err := json.Marshal(d.points); err == nil && t.docs.Put(ctx, trendPrefix+t.day+"/"+name+"/"+t.me, text) == nil {
				d.wrote = last
			}
		}
	}
}

// add counts what is new since the last look.
func (d *trendDay) add(now trendPoint, slot int) {
	p := trendPoint{Slot: slot}
	if n := len(d.points); n > 0 && d.points[n-1].Slot == slot {
		p, d.points = d.points[n-1], d.points[:n-1]
	}
	p.Delivered += now.Delivered - d.total.Delivered
	p.Rejected += now.Rejected - d.total.Rejected
	p.Skipped += now.Skipped - d.total.Skipped
	p.Lag, p.Members, p.Covered = now.Lag, now.Members, now.Covered
	d.points, d.total = append(d.points, p), now
}

// forget removes days that no chart shows.
func (t *trend) forget(ctx context.Context, now time.Time) {
	oldest := trendPrefix + now.AddDate(0, 0, 1-trendDays).Format(time.DateOnly)
	for _, key := range t.docs.Keys(trendPrefix) {
		if key < oldest && t.docs.Put(ctx, key, nil) != nil {
			return
		}
	}
}

// days are the points of all instances from a moment to now, one for each step; nothing happened in steps that no instance has.
func (t *trend) days(sync string, from, now time.Time) []trendPoint {
	from, now = from.UTC().Truncate(trendStep), now.UTC()
	all := make([]trendPoint, int(now.Sub(from)/trendStep)+1)
	for day := from.Truncate(24 * time.Hour); !day.After(now); day = day.AddDate(0, 0, 1) {
		t.sum(all, int(day.Sub(from)/trendStep), trendPrefix+day.Format(time.DateOnly)+"/"+sync+"/")
	}
	return all
}

// sum adds a day's documents to the points; first is the place of the day's first step. Of an instance that was started again in a step, the
// levels of the later start count.
func (t *trend) sum(all []trendPoint, first int, prefix string) {
	levels := map[string]map[int]trendPoint{} // by instance and place
	for _, key := range t.docs.Keys(prefix) {
		instance, _, _ := strings.Cut(strings.TrimPrefix(key, prefix), "/")
		doc, _ := t.docs.Get(key)
		var points []trendPoint
		if json.Unmarshal(doc, &points) != nil {
			continue // of another version
		}
		if levels[instance] == nil {
			levels[instance] = map[int]trendPoint{}
		}
		for _, p := range points {
			i := first + p.Slot
			if i < 0 || i >= len(all) {
				continue
			}
			all[i].Delivered += p.Delivered
			all[i].Rejected += p.Rejected
			all[i].Skipped += p.Skipped
			levels[instance][i] = later(levels[instance][i], p)
		}
	}
	for _, of := range slices.Collect(maps.Values(levels)) {
		for i, p := range of {
			all[i].Lag += p.Lag
			all[i].Members += p.Members
			all[i].Covered = max(all[i].Covered, p.Covered)
		}
	}
}

// later is of two starts of an instance the one that knows more: one that begins remembers nothing yet.
func later(a, b trendPoint) trendPoint {
	if b.Members+b.Lag >= a.Members+a.Lag {
		return b
	}
	return a
}

// perSecond is one count of every step as a rate, and levelOf one level as it was.
func perSecond(points []trendPoint, of func(*trendPoint) int64) []float64 {
	list := levelOf(points, of)
	for i := range list {
		list[i] /= trendStep.Seconds()
	}
	return list
}

func levelOf(points []trendPoint, of func(*trendPoint) int64) []float64 {
	list := make([]float64, len(points))
	for i := range points {
		list[i] = float64(of(&points[i]))
	}
	return list
}
