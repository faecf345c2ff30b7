package daemon_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
)

// give has an order come from a process of its own, as the command's does.
func (r *running) give(sync string, o daemon.Order) {
	r.t.Helper()
	w, err := daemon.Wire(r.Wiring.Config, daemon.Options{})
	if err != nil {
		r.t.Fatal(err)
	}
	defer w.Close()
	o.At, o.By = time.Now(), "the test"
	if err := w.Give(r.t.Context(), sync, o); err != nil {
		r.t.Fatal(err)
	}
}

// paused waits until an instance says that the sync is paused, or that it is not.
func (r *running) paused(sync, is string) {
	r.t.Helper()
	r.until("paused is "+is, func(text string) bool {
		return strings.Contains(text, "\n"+`tokrelay_trouble{kind="paused",sync="`+sync+`"} `+is+"\n")
	})
}

// settledRows are the rows of a sync that ended in an instance.
func (r *running) settledRows(sync string) (n int64) {
	r.t.Helper()
	c, err := r.Wiring.Metrics.Counts(sync)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, rows := range c.Settled {
		n += rows
	}
	return n
}

// It is measured how soon they obey: no other test runs then.
func TestAllInstancesObeyAPauseAlsoThoseThatStartLater(t *testing.T) {
	cluster := newCluster(t)
	one, two := start(t, cluster, daemon.Options{Instance: "one"}), start(t, cluster, daemon.Options{Instance: "two"})
	one.balanced(two)
	one.give("orders", daemon.Order{Paused: true, Why: "ticket 17"})
	began := time.Now()
	one.paused("orders", "1")
	two.paused("orders", "1")
	if took := time.Since(began); took > daemon.ObeyedWithin {
		t.Errorf("obeyed after %v, want within %v", took, daemon.ObeyedWithin)
	}
	one.paused("members", "0")
	const rows = 400
	one.produce("orders", orders(rows)...)
	one.until("both hold the rows they read", func(string) bool { return one.reads("orders")+two.reads("orders") == rows })
	if n := one.settledRows("orders") + two.settledRows("orders"); n > 0 {
		t.Errorf("%d rows of the paused sync settled, want none", n)
	}
	checks := one.Checks(t.Context())
	said := false
	for _, c := range checks {
		said = said || c.Name == "sync orders" && c.Err == nil && strings.Contains(c.State(), "held up: paused: paused on purpose by the test at ") && strings.Contains(c.State(), "(ticket 17)")
	}
	if !said {
		t.Errorf("readyz: got %v, want the sync ready, and who paused it", checks)
	}
	began = time.Now()
	for _, r := range []*running{one, two} {
		if err := r.stop(); err != nil {
			t.Errorf("stopped with %v, want nil: rows that wait are no missed drain", err)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("stopping took %v, want no wait for the drain", took)
	}
	if n := offset(t, cluster.Cluster, "tokrelay.orders"); n > 0 {
		t.Errorf("%d rows of the paused sync are committed, want none", n)
	}

	three := start(t, cluster, daemon.Options{Instance: "three"})
	three.paused("orders", "1")
	three.until("it holds the rows it read", func(string) bool { return three.reads("orders") == rows })
	if n := three.settledRows("orders"); n > 0 {
		t.Errorf("%d rows settled after the restart, want none", n)
	}
	three.give("orders", daemon.Order{})
	three.until("all rows have settled", func(string) bool { return three.settledRows("orders") == rows })
	three.paused("orders", "0")
	if err := three.stop(); err != nil {
		t.Error(err)
	}
}

// balanced waits until each of two instances reads a partition of orders.
func (r *running) balanced(other *running) {
	r.t.Helper()
	reads := func(r *running) bool {
		return strings.Contains(r.scrape("text/plain"), "\n"+`tokrelay_partitions_assigned{sync="orders",topic="orders"} 1`+"\n")
	}
	r.until("each reads a partition", func(string) bool { return reads(r) && reads(other) })
}

// reads is how many rows of a sync an instance has read.
func (r *running) reads(sync string) int64 {
	r.t.Helper()
	c, err := r.Wiring.Metrics.Counts(sync)
	if err != nil {
		r.t.Fatal(err)
	}
	return c.Records
}

func offset(t *testing.T, cluster *kfake.Cluster, group string) (n int64) {
	t.Helper()
	g := cluster.GroupInfo(group)
	if g == nil {
		return 0
	}
	for _, c := range g.Commits["orders"] {
		n += max(c.Offset, 0)
	}
	return n
}

func TestAFileAudienceIsPausedToo(t *testing.T) {
	t.Parallel()
	r := start(t, newCluster(t), daemon.Options{})
	r.give("lapsed", daemon.Order{Paused: true})
	r.paused("lapsed", "1")
	if !r.Wiring.IsPaused("lapsed") || r.Wiring.IsPaused("members") {
		t.Error("paused: want lapsed alone")
	}
	r.give("lapsed", daemon.Order{})
	r.paused("lapsed", "0")
	if troubles := r.Wiring.Status.Troubles("lapsed"); len(troubles) > 0 && troubles[0].Kind == pipeline.TroublePaused {
		t.Errorf("troubles: got %v, want no pause", troubles)
	}
}
