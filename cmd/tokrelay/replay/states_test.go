package replay

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const statesText = `
kafka: {brokers: ["${BROKER}"], group: shop}
connections: {main: {access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
syncs:
  - name: orders
    topic: orders
    framing: json
    missing_column: "null"
    rejected_share: {share: 100%}
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, event_id: {column: id},
      fields: {event_time: at, user.email: EMAIL, page.url: {value: "https://shop.example/"}}}
`

// stateWorld is a broker with letters in it, and a TikTok.
type stateWorld struct {
	t       *testing.T
	cluster *kfake.Cluster
	tiktok  *sandbox.Sandbox
	url     string
}

func newStateWorld(t *testing.T, rows int) *stateWorld {
	w := &stateWorld{t: t, tiktok: sandbox.New(sandbox.Config{})}
	server := httptest.NewServer(http.HandlerFunc(w.tiktok.ServeHTTP))
	t.Cleanup(server.Close)
	w.url = server.URL
	var err error
	if w.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(w.cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i := range rows {
		value := fmt.Sprintf(`{"id":"e%d","at":%q,"bad":"nobody","email":"ada%d@example.com"}`, i, time.Now().UTC().Format(time.RFC3339), i)
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Key: fmt.Append(nil, i), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// config maps the address from a column.
func (w *stateWorld) config(column string) *daemon.Config {
	c, report := daemon.Parse([]byte(strings.Replace(statesText, "EMAIL", column, 1)), settings.Vars(map[string]string{
		"BROKER": w.cluster.ListenAddrs()[0], "TOKEN": sandbox.DefaultToken, "TIKTOK": w.url}))
	if err := report.Err(); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// run runs a daemon until all rows are committed.
func (w *stateWorld) run(column string) {
	d, err := daemon.New(w.config(column), daemon.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); !d.CaughtUp(ctx); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("the rows are not committed within a minute")
		}
	}
	stop()
	if err := <-ended; err != nil {
		w.t.Fatal(err)
	}
}

// replay replays with the options, and returns what was planned and done.
func (w *stateWorld) replay(column string, o Options) (*Plan, *Report) {
	w.t.Helper()
	o.MaxFailures, o.By = 1, "the test"
	r, err := New(w.config(column), daemon.Options{Log: slog.New(slog.DiscardHandler)}, o)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Close()
	plan, err := r.Plan(w.t.Context(), time.Now(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	report, err := r.Run(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return plan, report
}

// letters counts the letters by their state.
func (w *stateWorld) letters() map[outcomes.State]int {
	w.t.Helper()
	wiring, err := daemon.Wire(w.config("email"), daemon.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	defer wiring.Close()
	in := daemon.LettersIn(wiring.Admin)
	span, err := deadletter.SpanOf(w.t.Context(), in, "tokrelay.rejected", time.Time{}, time.Time{})
	if err != nil {
		w.t.Fatal(err)
	}
	states, err := wiring.Config.LetterStates(w.t.Context(), wiring.Admin, time.Time{}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	n := map[outcomes.State]int{}
	err = deadletter.Rows(w.t.Context(), in, span, &deadletter.Filter{}, nil, func(r *pipeline.Record, h *deadletter.Head) error {
		n[states.Of(r, h)]++
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *stateWorld) want(want map[outcomes.State]int) {
	w.t.Helper()
	if got := w.letters(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("letters by state: got %v, want %v", got, want)
	}
}

// The story of ten bad rows: a replay that changes nothing, one of a part after the mapping was corrected, one of the rest, and one
// that finds nothing to do.
func TestAReplaySendsWhatIsOpenAndARowThatFailedAgainCountsOnce(t *testing.T) {
	w := newStateWorld(t, 10)
	w.run("bad")
	w.want(map[outcomes.State]int{outcomes.Open: 10})
	if _, report := w.replay("bad", Options{}); report.Rejected[pipeline.InvalidEmail] != 10 || report.Left != 0 {
		t.Errorf("with the mapping as it was: got %+v", report)
	}
	w.want(map[outcomes.State]int{outcomes.Open: 10, outcomes.Again: 10})
	if plan, report := w.replay("email", Options{Limit: 4}); plan.Rows != 4 || report.Delivered != 4 {
		t.Errorf("four of them: got %+v, %+v", plan, report)
	}
	if plan, report := w.replay("email", Options{Filter: deadletter.Filter{Reasons: []string{"invalid_email"}}}); plan.Rows != 6 || plan.Done != 14 || report.Delivered != 6 {
		t.Errorf("the rest: got %+v, %+v", plan, report)
	}
	w.want(map[outcomes.State]int{outcomes.Repaired: 20})
	if plan, _ := w.replay("email", Options{}); plan.Rows != 0 || plan.Done != 20 {
		t.Errorf("a perfect repair: got %+v, want nothing to replay", plan)
	}
	if n := len(w.tiktok.Events()); n != 10 {
		t.Errorf("TikTok has %d events, want 10", n)
	}
	if plan, _ := w.replay("email", Options{All: true}); plan.Rows != 20 {
		t.Errorf("with --all: got %+v", plan)
	}
}

func TestWithoutOutcomesAReplayHasToBeToldToSendEveryLetter(t *testing.T) {
	w := newStateWorld(t, 2)
	w.run("bad")
	c := w.config("email")
	c.Outcomes.Enabled = false
	for _, all := range []bool{false, true} {
		r, err := New(c, daemon.Options{}, Options{All: all})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := r.Plan(t.Context(), time.Now(), nil)
		switch {
		case !all && err != ErrNoStates:
			t.Errorf("without All: got %v, want %v", err, ErrNoStates)
		case all && (err != nil || plan.Rows != 2):
			t.Errorf("with All: got %+v, %v", plan, err)
		}
		r.Close()
	}
}

func TestAReplaysOutcomesNameItAndWhoAskedForIt(t *testing.T) {
	w := newStateWorld(t, 1)
	w.run("bad")
	w.replay("email", Options{})
	wiring, err := daemon.Wire(w.config("email"), daemon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer wiring.Close()
	var list []*outcomes.Outcome
	_, err = outcomes.Scan(t.Context(), wiring.Config.OutcomesIn(wiring.Admin), outcomes.Options{Partitions: []int32{outcomes.LettersPartition}}, func(o *outcomes.Outcome) error {
		list = append(list, o.Clone())
		return nil
	})
	if err != nil || len(list) != 2 {
		t.Fatalf("got %d outcomes, %v; want the rejection and the repair", len(list), err)
	}
	if list[0].End != outcomes.Rejected || list[0].Replay != "" || list[1].End != outcomes.Delivered || list[1].Replay == "" || list[1].By != "the test" {
		t.Errorf("got %+v and %+v", list[0], list[1])
	}
}
