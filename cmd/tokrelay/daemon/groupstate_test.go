package daemon_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// state asks as tokrelay status does, from outside of the instances.
func (r *running) state(sync string) *daemon.GroupState {
	r.t.Helper()
	w, err := daemon.Wire(r.Wiring.Config, daemon.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer w.Close()
	store, err := w.Config.ReadState(r.t.Context(), w.Admin)
	if err != nil {
		r.t.Fatal(err)
	}
	all, err := w.GroupStates(r.t.Context(), store)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, g := range all {
		if g.Sync == sync {
			return g
		}
	}
	r.t.Fatalf("no state of %s", sync)
	return nil
}

// becomes waits until the sync's state is so.
func (r *running) becomes(sync string, verdict daemon.Verdict) (g *daemon.GroupState) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if g = r.state(sync); g.Verdict == verdict {
			return g
		}
	}
	r.t.Fatalf("%s is %+v, want %s within a minute", sync, g, verdict)
	return nil
}

func TestAGroupIsHeldWhereOneOfItsInstancesIs(t *testing.T) {
	t.Parallel()
	cluster := newCluster(t)
	one, two := start(t, cluster, daemon.Options{Instance: "one"}), start(t, cluster, daemon.Options{Instance: "two"})
	one.balanced(two)
	g := one.becomes("orders", daemon.UpToDate)
	if len(g.Instances) != 2 || g.Instances[0].Reads() == g.Instances[1].Reads() {
		t.Errorf("members: %+v, want two with a partition each", g.Instances)
	}
	two.Wiring.Status.Set("orders", "test", &pipeline.Trouble{Kind: pipeline.TroubleToken, What: "the token is refused: get another", Stop: true})
	g = one.becomes("orders", daemon.Held)
	if len(g.Waits) != 1 || g.Waits[0].What != "the token is refused: get another" || len(g.Waits[0].Instances) != 1 || g.Waits[0].Instances[0] != "two" {
		t.Errorf("waits: %+v, want the token's trouble on two", g.Waits)
	}
	if g := one.state("members"); g.Verdict != daemon.UpToDate {
		t.Errorf("members is %s, want up to date: it has no trouble; %+v", g.Verdict, g.Waits)
	}
	if err := two.stop(); err != nil {
		t.Fatal(err)
	}
	if g := one.becomes("orders", daemon.UpToDate); len(g.Waits) > 0 {
		t.Errorf("waits: %+v after the instance has stopped, want none", g.Waits)
	}
}

// To ask changes nothing: where no instance ever ran there is no state topic, and none is made.
func TestAskingMakesNoTopic(t *testing.T) {
	cluster := newCluster(t)
	c, report := daemon.Parse([]byte(everyKind), settings.Vars(map[string]string{"BROKER": cluster.ListenAddrs()[0], "REGISTRY": "http://127.0.0.1:1",
		"TOKEN": "none", "TIKTOK": "http://127.0.0.1:1", "FOLDER": t.TempDir()}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	w, err := daemon.Wire(c, daemon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	store, err := c.ReadState(t.Context(), w.Admin)
	if err != nil || store != nil {
		t.Fatalf("state %v, %v; want none", store, err)
	}
	all, err := w.GroupStates(t.Context(), store)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d states, %v; want one of each of three syncs", len(all), err)
	}
	for _, g := range all {
		if g.Verdict != daemon.NotRunning || g.Problem != "" {
			t.Errorf("%s is %s (%s), want not running", g.Sync, g.Verdict, g.Problem)
		}
	}
	there, err := w.Admin.Topics(t.Context(), c.StateTopic)
	if err != nil || len(there) > 0 {
		t.Errorf("the state topic is there: %v, %v", there, err)
	}
}

func TestRowsWaitWhereNothingRuns(t *testing.T) {
	t.Parallel()
	const rows = 23
	r := start(t, newCluster(t), daemon.Options{})
	r.becomes("orders", daemon.UpToDate)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	r.produce("orders", orders(rows)...)
	g := r.becomes("orders", daemon.NotRunning)
	if g.LagRows != rows {
		t.Errorf("%d rows behind, want %d", g.LagRows, rows)
	}
	r.give("orders", daemon.Order{Paused: true})
	if g := r.state("orders"); g.Verdict != daemon.Paused || g.LagRows != rows {
		t.Errorf("orders is %s with %d rows behind, want paused: a start would not send", g.Verdict, g.LagRows)
	}
	if g := r.state("lapsed"); g.Verdict != daemon.NotRunning {
		t.Errorf("the file audience is %s, want not running", g.Verdict)
	}
}

// What an instance said that was killed is not believed for long, and removed in the end.
func TestAReportOfAKilledInstanceIsForgotten(t *testing.T) {
	t.Parallel()
	r := start(t, newCluster(t), daemon.Options{Instance: "one"})
	say := func(key string, age time.Duration) {
		t.Helper()
		doc, err := json.Marshal(daemon.Report{Instance: key, At: time.Now().Add(-age), Syncs: map[string]daemon.SyncReport{
			"orders": {Troubles: []daemon.HeldBy{{Kind: pipeline.TroubleToken, What: "of " + key, Stop: true}}}}})
		if err == nil {
			err = r.Wiring.State.Put(t.Context(), "instance/"+key+"/1", doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r.becomes("orders", daemon.UpToDate)
	say("killed", 31*time.Second)
	say("older", 25*time.Hour)
	if g := r.state("orders"); g.Verdict != daemon.UpToDate {
		t.Errorf("orders is %s (%+v), want up to date: nobody runs who says otherwise", g.Verdict, g.Waits)
	}
	say("alive", time.Second)
	if g := r.state("orders"); g.Verdict != daemon.Held {
		t.Errorf("orders is %s, want held: an instance says so", g.Verdict)
	}
	for end := time.Now().Add(time.Minute); len(r.Wiring.State.Keys("instance/older")) > 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a report of yesterday is still there after a minute")
		}
	}
	if len(r.Wiring.State.Keys("instance/killed")) != 1 {
		t.Error("a report of half a minute ago was removed: its instance may only be slow")
	}
}
