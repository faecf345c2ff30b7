package daemon_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// wired is a process on the broker that runs no sync.
func wired(t *testing.T, cluster *kfake.Cluster) *daemon.Wiring {
	t.Helper()
	c, report := daemon.Parse([]byte(`
kafka: {brokers: ["`+cluster.ListenAddrs()[0]+`"]}
connections: {main: {access_token: t}}
dead_letter: {replication: 1}
syncs: [{name: orders, topic: orders, framing: json, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, fields: {event_time: at, user.email: email, page.url: {value: "https://x.example/"}}}}]
`), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	w, err := daemon.Wire(c, daemon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func TestWhatOperatorsDoIsSeenByEveryProcessAndSurvivesThem(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	one, other := wired(t, cluster), wired(t, cluster)
	acting := one.Begin(t.Context(), daemon.Action{What: "replay", Sync: "orders", By: "the test", Of: 40})
	seen := func() []daemon.Action {
		t.Helper()
		if err := other.State.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		return other.Actions()
	}
	if list := seen(); len(list) != 1 || list[0].State(time.Now()) != "running" || list[0].By != "the test" || list[0].Outcome() != "0 of 40 rows" {
		t.Errorf("while it runs: %+v", list)
	} else if got := list[0].State(time.Now().Add(time.Minute)); got != "cut off" {
		t.Errorf("a minute after it last said that it goes on it is %q, want cut off", got)
	}
	acting.Did(30)
	acting.End("30 delivered", nil)
	for result, err := range map[string]error{"too many failed": errors.New("too many failed"), "interrupted": context.Canceled} {
		one.Begin(t.Context(), daemon.Action{What: "replay", Sync: "orders", By: "the test"}).End(result, err)
	}
	if err := one.Give(t.Context(), "orders", daemon.Order{Paused: true, At: time.Now(), By: "someone", Why: "ticket 17"}); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, a := range seen() {
		got[a.What+" "+a.State(time.Now())+" by "+a.By+": "+a.Outcome()+a.Detail]++
	}
	for _, want := range []string{"replay done by the test: 30 delivered", "replay failed by the test: too many failed", "replay done by the test: interrupted", "pause done by someone: ticket 17"} {
		if got[want] != 1 {
			t.Errorf("got %v, want %q once", got, want)
		}
	}
	if newest := seen()[0].What; newest != "pause" {
		t.Errorf("the newest is %q, want the pause", newest)
	}
}
