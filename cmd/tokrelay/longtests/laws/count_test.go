//go:build synctests

package laws

import (
	"context"
	"log/slog"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/replay"
	"github.com/tokrelay/tokrelay/pipeline"
)

// count holds what the members counted as lost against what is missing. Where nothing was removed before it was read,
// nothing is lost; else every row that is missing was counted by a member.
func (w *world) count(taken map[string]int, letters map[string][]pipeline.Reason) {
	w.Helper()
	if w.trouble.reset || w.watch.made > 0 {
		return // what is below the log's start for another reason is counted, too
	}
	missing := 0.0
	for _, f := range w.watch.fates {
		if f.outcome == pipeline.Delivered && taken[f.id] == 0 || f.outcome == pipeline.DeadLettered && len(letters[f.key]) == 0 {
			missing++
		}
	}
	lost := 0.0
	for _, m := range w.members {
		lost += w.lost(m)
	}
	switch {
	case !w.trouble.removed && lost > 0:
		w.Errorf("%v records are counted as lost, and none was removed before it was read", lost)
	case lost < missing && !w.trouble.unknown:
		w.Errorf("%v records are counted as lost, and %v are missing", lost, missing)
	}
}

// lost is what a member counted as lost.
func (w *world) lost(m *virtual.Member) (sum float64) {
	families, err := m.Wiring.Metrics.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "tokrelay_records_lost_total" {
			for _, s := range f.Metric {
				sum += s.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// replay sends the dead letters again, now that TikTok takes what it refused. Every one of those arrives, and nothing is left.
// It is tried where answers are small, and in some other worlds.
func (w *world) replay() {
	w.Helper()
	if w.trouble.narrow == 0 && w.rand.IntN(4) > 0 {
		return
	}
	for _, id := range w.trouble.poison {
		w.tiktok.RemoveFault(id)
	}
	wanted := w.refused()
	if len(wanted) == 0 || w.Failed() {
		return
	}
	start := w.start()
	config, err := start.On(virtual.NewLink(&w.net, w.tiktok.Transport()))
	if err != nil {
		w.Fatal(err)
	}
	r, err := replay.New(config, daemon.Options{Log: slog.New(slog.DiscardHandler)}, replay.Options{MaxFailures: 1, Force: true})
	if err != nil {
		w.Fatal(err)
	}
	defer r.Close()
	plan, err := r.Plan(context.Background(), w.tiktok.Stats().Now, func(int64, int64) {})
	if err != nil {
		w.Fatalf("plan of the replay: %v", err)
	}
	report, err := r.Run(context.Background())
	if err != nil || report.Left != 0 {
		w.Errorf("the replay of %d rows ended with %v: %+v", plan.Rows, err, report)
	}
	taken := w.taken()
	for _, id := range wanted {
		if taken[id] != 1 {
			w.Errorf("TikTok has %q %d times after the replay, want once", id, taken[id])
		}
	}
}

// refused are the events of rows whose dead letter says that TikTok refused them.
func (w *world) refused() (ids []string) {
	letters := w.letters()
	for _, f := range w.watch.fates {
		if f.poison && len(letters[f.key]) > 0 {
			ids = append(ids, f.id)
		}
	}
	return ids
}
