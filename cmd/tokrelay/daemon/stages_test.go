package daemon

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// together are two syncs that fill one audience, one by its name and one by its id.
const together = `
kafka: {brokers: ["${BROKER}"], group: shop}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
syncs:
  - {name: web, topic: web, framing: json, audience_segment: {audience: {name: Members}, identifiers: {EMAIL_SHA256: email}, batch: {linger: 0s}}}
  - {name: store, topic: store, framing: json, audience_segment: {audience: {id: "${ID}"}, identifiers: {EMAIL_SHA256: email}, batch: {linger: 0s}}}
`

// pair is a cluster and TikTok, with daemons that come and go.
type pair struct {
	*testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	tiktok  *sandbox.Sandbox
	url     string
	silent  chan struct{} // full while TikTok answers no call about members
	d       *Daemon
	stop    func()
}

func newPair(t *testing.T, opts ...kfake.Opt) *pair {
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(1, "web", "store"),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"})}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p := &pair{T: t, cluster: cluster, client: client, tiktok: sandbox.New(sandbox.Config{}), silent: make(chan struct{}, 1)}
	server := httptest.NewServer(http.HandlerFunc(p.answer))
	t.Cleanup(server.Close)
	t.Cleanup(func() { // of a test that failed while it was silent
		select {
		case <-p.silent:
		default:
		}
	})
	p.url = server.URL
	return p
}

// answer answers as TikTok, once it is not silent.
func (p *pair) answer(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/segment/mapping/") {
		p.silent <- struct{}{}
		<-p.silent
	}
	p.tiktok.ServeHTTP(w, r)
}

// begin runs a daemon of the configuration until stop.
func (p *pair) begin(config string) {
	p.Helper()
	p.d = p.daemon(config)
	ctx, cancel := context.WithCancel(context.WithoutCancel(p.Context()))
	ended := make(chan error, 1)
	go func() { ended <- p.d.Run(ctx) }()
	stopped := false
	p.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				p.Errorf("run ended with %v", err)
			}
		case <-time.After(time.Minute):
			p.Error("run has not ended within a minute")
		}
	}
	p.Cleanup(p.stop)
}

func (p *pair) daemon(config string) *Daemon {
	p.Helper()
	id := "7100000000000000001" // the sandbox's first
	c, report := Parse([]byte(config), settings.Vars(map[string]string{"BROKER": p.cluster.ListenAddrs()[0], "TOKEN": sandbox.DefaultToken, "TIKTOK": p.url, "ID": id}))
	if err := report.Err(); err != nil {
		p.Fatal(err)
	}
	d, err := New(c, Options{})
	if err != nil {
		p.Fatal(err)
	}
	return d
}

// row writes a row; no email deletes it.
func (p *pair) row(topic, key, email string) {
	p.Helper()
	r := &kgo.Record{Topic: topic, Key: []byte(key)}
	if email != "" {
		r.Value = []byte(`{"id":"` + key + `","email":"` + email + `"}`)
	}
	if err := p.client.ProduceSync(p.Context(), r).FirstErr(); err != nil {
		p.Fatal(err)
	}
}

func (p *pair) members(n int) {
	p.Helper()
	await(p.T, "members", func() bool {
		list := p.tiktok.Audiences()
		return len(list) == 1 && list[0].Members == n
	})
}

// caughtUp waits until nothing is on its way, and no sync has trouble.
func (p *pair) caughtUp() {
	p.Helper()
	defer func() {
		if p.Failed() {
			p.Logf("troubles: %v, %v", p.d.Wiring.Status.Troubles("web"), p.d.Wiring.Status.Troubles("store"))
		}
	}()
	await(p.T, "all to be told", func() bool { return p.d.CaughtUp(p.Context()) })
}

func onlyWeb() string { return together[:strings.Index(together, "  - {name: store")] }

// A person who is in two tables leaves when both have forgotten it, and the syncs that fill one audience by name and by id meet.
func TestTwoSyncsFillOneAudience(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.begin(onlyWeb())
	p.row("web", "1", "ada@example.com")
	p.row("web", "2", "grace@example.com")
	p.members(2)
	p.stop()
	p.begin(together)
	p.row("store", "1", "ada@example.com")
	p.row("store", "2", "edsger@example.com")
	p.members(3)
	p.caughtUp()
	if a, b := p.d.audience("web").stages.Load(), p.d.audience("store").stages.Load(); a != b {
		t.Error("the syncs have stages of their own, want the same")
	}
	p.row("web", "1", "")
	p.caughtUp()
	p.members(3)
	p.row("store", "1", "")
	p.members(2)
}

// What a sync put in that is taken out of the configuration stays: the others of its audience say so.
func TestASyncThatIsTakenOutOfASharedAudienceIsNamed(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.begin(together)
	p.row("web", "1", "ada@example.com")
	p.row("store", "1", "grace@example.com")
	p.members(2)
	if left := p.left("web"); len(left) > 0 {
		t.Errorf("left are %v while all run, want none", left)
	}
	p.stop()
	p.begin(onlyWeb())
	p.row("web", "2", "edsger@example.com")
	p.members(3)
	if left := p.left("web"); len(left) != 1 || left[0] != "store" {
		t.Errorf("left are %v, want store", left)
	}
}

func (p *pair) left(sync string) []string {
	p.Helper()
	w := p.d.Wiring
	left, err := w.Config.LeftSyncs(p.Context(), w.Admin, w.State, p.d.audience(sync).Sync)
	if err != nil {
		p.Fatal(err)
	}
	return left
}

// A sync that is paused holds nothing of the other's up; what it has to say waits.
func TestAPausedSyncHoldsNoOtherOfItsAudienceUp(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.begin(onlyWeb())
	p.row("web", "1", "ada@example.com")
	p.members(1)
	p.stop()
	p.begin(together)
	p.row("store", "1", "grace@example.com")
	p.members(2)
	if err := p.d.Follow(t.Context(), "web", Order{Paused: true, At: time.Now(), By: "a test"}); err != nil {
		t.Fatal(err)
	}
	p.row("web", "2", "edsger@example.com")
	for i, email := range []string{"barbara@example.com", "alan@example.com"} {
		p.row("store", string(rune('2'+i)), email)
		p.members(3 + i)
	}
	if err := p.d.Follow(t.Context(), "web", Order{At: time.Now(), By: "a test"}); err != nil {
		t.Fatal(err)
	}
	p.members(5)
}

// Rows that the topic does not tell of any more leave with a full resync, once all of it was read, and none before.
func TestAFullResyncTakesOutWhoIsGone(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.begin(onlyWeb())
	p.row("web", "1", "ada@example.com")
	p.row("web", "2", "grace@example.com")
	p.row("web", "3", "edsger@example.com")
	p.members(3)
	p.caughtUp()
	p.stop()

	d := p.daemon(onlyWeb()) // the command: the topic tells of the third alone by now
	s, w := &d.Wiring.Config.Syncs[0], d.Wiring
	defer w.Close()
	all, err := w.Admin.All(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	gone := all
	gone.To["web"][0] = 2
	if err := w.Admin.DeleteRecords(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	all, err = w.Admin.All(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the group to be empty", func() bool { return w.Admin.SetOffsets(t.Context(), "shop.web", all.From) == nil })
	if err := errors.Join(w.NoteEnds(t.Context(), s, all), audience.Resync(t.Context(), w.State, "web", audience.Owned, false)); err != nil {
		t.Fatal(err)
	}

	p.begin(onlyWeb())
	p.members(1)
	p.caughtUp()
	await(t, "the next start to know that it was told", func() bool {
		return w.State.Refresh(t.Context()) == nil && len(w.endsOf("web", 0).Ends)+len(w.endsOf("web", 1).Ends) == 0
	})
}

// What waits for TikTok is the sync's lag, in its state and in its metrics, though its source was read.
func TestWhatWaitsForTikTokIsLag(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.begin(onlyWeb())
	p.row("web", "1", "ada@example.com")
	p.members(1)
	p.caughtUp()
	p.silent <- struct{}{}
	for i := range 5 {
		p.row("web", string(rune('2'+i)), string(rune('a'+i))+"@example.com")
	}
	w := p.d.Wiring
	await(t, "the source to be read", func() bool {
		at, err := w.Admin.Committed(t.Context(), "shop.web")
		return err == nil && at["web"][0] == 6
	})
	if p.d.CaughtUp(t.Context()) {
		t.Error("it is caught up, though TikTok was not told")
	}
	await(t, "the lag in the state", func() bool {
		all, err := w.GroupStates(t.Context(), w.State)
		return err == nil && all[0].LagRows >= 5 && all[0].Behind[0].Topic != "web"
	})
	await(t, "the lag in the metrics", func() bool {
		c, err := w.Metrics.Counts("web")
		return err == nil && c.LagRecords >= 5 && c.LagSeconds > 0
	})
	<-p.silent
	p.members(6)
	p.caughtUp()
	await(t, "the end of the lag", func() bool {
		all, err := w.GroupStates(t.Context(), w.State)
		c, other := w.Metrics.Counts("web")
		return err == nil && other == nil && all[0].LagRows == 0 && c.LagRecords == 0
	})
}
