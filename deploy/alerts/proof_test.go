//go:build alerts

package alerts

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const topic = "shop.public.orders"

const relayConfig = `
kafka: {brokers: ["%s"], group: proof, session_timeout: 6s}
schema_registry: {url: "%s"}
connections: {main: {access_token_file: "%s", base_url: "%s"}}
admin: {listen: "%s"}
dead_letter: {rejected_topic: proof.rejected, failed_topic: proof.failed}
syncs:
  - name: orders
    topic: shop.public.orders
    rejected_share: {share: "100%%"}
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: {column: status, map: {paid: Purchase}}
      event_id: {column: order_uid}
      fields:
        event_time: occurred_at
        user.email: email
        user.external_id: customer_id
        page.url: page_url
        properties.value: amount
        properties.currency: currency
`

// world is everything around the alerts.
type world struct {
	*people
	t         *testing.T
	broker    *kfake.Cluster
	tiktok    *sandbox.Sandbox
	tokenFile string
	relay     string
	rows      []pipeline.Record
	bad       atomic.Int64 // of a hundred rows
}

func newWorld(t *testing.T) *world {
	w := &world{people: newPeople(t), t: t, tiktok: sandbox.New(sandbox.Config{}), relay: program.FreeAddress()}
	var err error
	if w.broker, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, topic)); err != nil {
		t.Fatal(err)
	}
	registry, server := srfake.New(), httptest.NewServer(w.tiktok)
	t.Cleanup(func() { server.Close(); registry.Close(); w.broker.Close() })
	if w.rows, err = demo.Orders(registry, 20_000); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w.tokenFile = write(t, dir, "token", sandbox.DefaultToken)
	config := write(t, dir, "tokrelay.yaml", fmt.Sprintf(relayConfig, w.broker.ListenAddrs()[0], registry.URL(), w.tokenFile, server.URL, w.relay))
	run(t, binary(t), "run", "-c", config)
	w.watch(dir)
	go w.shop()
	return w
}

// watch starts Alertmanager and Prometheus.
func (w *world) watch(dir string) {
	prometheus, manager := program.FreeAddress(), program.FreeAddress()
	run(w.t, "prometheus-alertmanager", "--config.file="+write(w.t, dir, "alertmanager.yml", managerConfig(w.t, dir, w.people)),
		"--storage.path="+filepath.Join(dir, "am"), "--web.listen-address="+manager, "--cluster.listen-address=")
	rules := write(w.t, dir, "rules.yml", quickRules(w.t))
	run(w.t, "prometheus", "--config.file="+write(w.t, dir, "prometheus.yml", prometheusConfig(w.t, rules, w.relay, manager)),
		"--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+prometheus)
	for _, url := range []string{"http://" + w.relay + "/readyz", "http://" + manager + "/-/ready", "http://" + prometheus + "/-/ready"} {
		until(w.t, url+" answers", answers(url))
	}
}

// shop sells all the time: a hundred rows a second, of which bad ones are cut short.
func (w *world) shop() {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.broker.ListenAddrs()...))
	if err != nil {
		w.t.Error(err)
		return
	}
	defer client.Close()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-w.t.Context().Done():
			return
		case <-tick.C:
			r := w.rows[i%len(w.rows)]
			value := r.Value
			if int64(i%100) < w.bad.Load() {
				value = value[:len(value)/2]
			}
			client.Produce(w.t.Context(), &kgo.Record{Topic: topic, Key: r.Key, Value: value}, nil)
		}
	}
}

// told waits until each channel has told of the alert.
func (w *world) told(channels []string, resolved bool, words ...string) {
	w.t.Helper()
	for _, channel := range channels {
		until(w.t, fmt.Sprintf("%s tells (resolved=%t) %q", channel, resolved, words), func() bool { return w.heard(channel, resolved, words...) > 0 })
	}
}

// toldOnce is that nobody was told the same twice.
func (w *world) toldOnce(channels []string, words ...string) {
	w.t.Helper()
	for _, channel := range channels {
		for _, resolved := range []bool{false, true} {
			if n := w.heard(channel, resolved, words...); n != 1 {
				w.t.Errorf("%s told (resolved=%t) %q %d times, want once", channel, resolved, words, n)
			}
		}
	}
}

func (w *world) metrics() string {
	r, err := http.Get("http://" + w.relay + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// TestTroubleReachesPeople is one story, because its parts would each start the same processes again.
func TestTroubleReachesPeople(t *testing.T) {
	w := newWorld(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("notices:\n%s", w.all())
		}
	})
	until(t, "TikTok holds events", func() bool { return w.tiktok.Stats().Events.Accepted > 100 })
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"a few rejected rows are a warning in chat and page nobody", w.fewRejected},
		{"many rejected rows page, and the end is told", w.manyRejected},
		{"a revoked token pages, and a new one in its file ends it", w.revoked},
		{"a stall pages, and its end is told", w.stalled},
	} {
		if !t.Run(part.name, part.run) {
			return
		}
	}
	tool(t, w.metrics(), "promtool", "check", "metrics")
	if got := w.heard(slack, false, "TokrelayDown"); got != 0 {
		t.Errorf("chat heard %d times that tokrelay is down, while it ran", got)
	}
}

func (w *world) fewRejected(t *testing.T) {
	w.bad.Store(5)
	w.told([]string{slack}, false, "#tiktok-sync", "[WARNING] TokrelayRejectedRows orders", "Sync orders is rejecting", "alerts.md#tokrelayrejectedrows")
	for _, channel := range pages {
		if w.heard(channel, false) != 0 {
			t.Errorf("%s was used for a warning", channel)
		}
	}
}

func (w *world) manyRejected(t *testing.T) {
	w.bad.Store(60)
	const alert, text = "TokrelayRejectedRowsHigh", "Sync orders is rejecting"
	w.told([]string{slack}, false, "[CRITICAL] "+alert+" orders", text)
	w.told([]string{pagerDuty, webhook}, false, "critical "+alert+" orders", text)
	w.told([]string{email}, false, "oncall@example.com [CRITICAL] "+alert+" orders", text, "What to do: https://")
	w.told([]string{sms}, false, text)
	w.bad.Store(0)
	w.told([]string{slack, pagerDuty, webhook, email}, true, alert)
	w.told([]string{sms}, true, text)
	w.told([]string{slack}, true, "[RESOLVED] TokrelayRejectedRows orders")
	w.toldOnce([]string{slack, pagerDuty, webhook, email}, alert)
}

func (w *world) revoked(*testing.T) {
	w.tiktok.RevokeTokens()
	const alert, text = "TokrelayAuthFailed", "TikTok refuses the access token"
	w.told([]string{slack, pagerDuty, webhook, email}, false, alert, text)
	w.told([]string{sms}, false, text)
	w.tiktok.GrantToken(sandbox.Token{Value: "a-new-token"})
	write(w.t, filepath.Dir(w.tokenFile), filepath.Base(w.tokenFile), "a-new-token")
	w.told([]string{slack, pagerDuty, webhook, email}, true, alert)
	w.told([]string{sms}, true, text)
	w.toldOnce([]string{slack, pagerDuty, webhook, email}, alert)
}

func (w *world) stalled(*testing.T) {
	w.tiktok.AddFault(sandbox.Fault{Name: "away", HTTPStatus: http.StatusServiceUnavailable})
	const alert, text = "TokrelayStalled", "Sync orders has lag, and no row has settled"
	w.told([]string{slack, pagerDuty, webhook, email}, false, alert, text)
	w.told([]string{sms}, false, text)
	w.told([]string{slack}, false, "TokrelayHeldUpLong", "(tiktok)")
	w.tiktok.ClearFaults()
	w.told([]string{slack, pagerDuty, webhook, email}, true, alert)
	w.told([]string{sms}, true, text)
}
