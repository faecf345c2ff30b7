package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/state"
)

// Report is what an instance says of its syncs in the state topic, for tokrelay status and the pages of other instances. It
// says it every ReportEvery, and as soon as it has news, and takes it back when it stops.
type Report struct {
	Instance string                `json:"instance"`
	At       time.Time             `json:"at"`
	Syncs    map[string]SyncReport `json:"syncs"`
}

// SyncReport is one sync in it.
type SyncReport struct {
	Troubles   []HeldBy `json:"troubles,omitempty"` // those that need an operator first
	Rate       float64  `json:"rows_per_second"`    // settled since the report before
	LagSeconds float64  `json:"lag_seconds"`
}

// HeldBy is a trouble as an instance reports it.
type HeldBy struct {
	Kind  pipeline.TroubleKind `json:"kind"`
	What  string               `json:"what"`
	Stop  bool                 `json:"needs_operator"`
	Since time.Time            `json:"since"`
	Until time.Time            `json:"until,omitzero"`
}

// ReportEvery is the time between an instance's reports. One that is three times as old is of an instance that is gone: the
// clocks of machines may differ by the rest.
const ReportEvery = 10 * time.Second

const (
	reportIsOld   = 3 * ReportEvery
	reportsForget = 24 * time.Hour // then another instance removes what a killed one left
	reportPrefix  = "instance/"
)

// reporter writes an instance's reports.
type reporter struct {
	d       *Daemon
	key     string // of this start alone: instances of one host are several
	settled map[string]int64
	at      time.Time // of the last report
	told    string    // the troubles in it
	there   bool      // the state topic; keepTopics has it made again
	said    bool      // that it does not work
}

// reportKey is the key of this start's reports.
func (d *Daemon) reportKey() string {
	return fmt.Sprintf("%s%s/%08x", reportPrefix, d.Wiring.options.Instance, rand.Uint32())
}

// report reports until ctx ends.
func (d *Daemon) report(ctx context.Context, key string) {
	w := d.Wiring
	r := &reporter{d: d, key: key, settled: map[string]int64{}}
	for {
		if err := r.tell(ctx); err != nil && ctx.Err() == nil && !r.said {
			w.Log.Warn("this instance cannot tell others how it is: tokrelay status and their pages do not see its troubles", "error", err)
			r.said = true
		}
		if pipeline.Wait(ctx, obeyEvery) != nil {
			break
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = w.State.Put(last, r.key, nil) // an old report is not believed either
}

// tell writes a report that is due, or has news.
func (r *reporter) tell(ctx context.Context) error {
	w := r.d.Wiring
	troubles := map[string][]HeldBy{}
	for _, name := range w.syncNames() {
		troubles[name] = heldBy(w.Status.Troubles(name))
	}
	told := fmt.Sprint(troubles)
	if told == r.told && time.Since(r.at) < ReportEvery {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ReportEvery)
	defer cancel()
	if !r.there {
		if err := w.EnsureState(ctx); err != nil {
			return err
		}
		r.there = true
	}
	doc, err := json.Marshal(r.report(troubles))
	if err == nil {
		err = w.State.Put(ctx, r.key, doc)
	}
	if err != nil {
		return err
	}
	r.told = told
	return w.forgetReports(ctx)
}

func (r *reporter) report(troubles map[string][]HeldBy) *Report {
	w, now := r.d.Wiring, time.Now()
	report := &Report{Instance: w.options.Instance, At: now, Syncs: map[string]SyncReport{}}
	counts, _ := w.Metrics.AllCounts() // the registry is our own; without it there are no rates
	for name, held := range troubles {
		one := SyncReport{Troubles: held}
		if c := counts[name]; c != nil {
			settled := c.AllSettled()
			one.Rate = max(float64(settled-r.settled[name])/max(now.Sub(r.at).Seconds(), 1), 0)
			one.LagSeconds, r.settled[name] = c.LagSeconds, settled
		}
		report.Syncs[name] = one
	}
	r.at = now
	return report
}

func heldBy(troubles []pipeline.TroubleSince) (list []HeldBy) {
	for _, t := range troubles {
		list = append(list, HeldBy{Kind: t.Kind, What: t.What, Stop: t.Stop, Since: t.Since, Until: t.Until})
	}
	return list
}

// forgetReports removes what instances left behind that were killed.
func (w *Wiring) forgetReports(ctx context.Context) error {
	for key, report := range reports(w.State) {
		if time.Since(report.At) > reportsForget {
			if err := w.State.Put(ctx, key, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// reports are all that the store holds, by key.
func reports(store *state.Store) map[string]Report {
	all := map[string]Report{}
	for _, key := range store.Keys(reportPrefix) {
		var report Report
		if doc, ok := store.Get(key); ok && json.Unmarshal(doc, &report) == nil {
			all[key] = report
		}
	}
	return all
}

// instances are the last reports of those that run. Several of one name, as on one host, get a number each.
func instances(store *state.Store) (running []Report) {
	if store == nil {
		return nil
	}
	all, named := reports(store), map[string]int{}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		report := all[key]
		if time.Since(report.At) >= reportIsOld {
			continue
		}
		if named[report.Instance]++; named[report.Instance] > 1 {
			report.Instance = fmt.Sprintf("%s (%d)", report.Instance, named[report.Instance])
		}
		running = append(running, report)
	}
	return running
}
