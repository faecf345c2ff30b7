package daemon_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const everyKind = `
kafka: {brokers: ["${BROKER}"]}
schema_registry: {url: "${REGISTRY}"}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
syncs:
  - name: orders
    topic: orders
    format: flat
    framing: {style: json}
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: Purchase
      event_id: {column: id}
      fields: {event_time: at, user.email: email, properties.value: amount, properties.currency: currency, page.url: {value: "https://shop.example/"}}
  - name: members
    topic: people
    format: flat
    framing: {style: json}
    audience_segment:
      audience: {name: Members}
      identifiers: {EMAIL_SHA256: email}
  - name: lapsed
    topic: people
    format: flat
    framing: {style: json}
    audience_file:
      audience: {name: Lapsed}
      identifier: {EMAIL_SHA256: email}
      work_folder: "${FOLDER}"
`

// running is a daemon with a sync of every kind, and what it talks to.
type running struct {
	*daemon.Daemon
	t       *testing.T
	kafka   kafka.Config
	address string
	cluster *kfake.Cluster
	stop    func() error
}

// start runs the daemon against the broker.
func start(t *testing.T, cluster *shop, options daemon.Options) *running {
	t.Helper()
	registry := srfake.New()
	t.Cleanup(registry.Close)
	c, report := daemon.Parse([]byte(everyKind), settings.Vars(map[string]string{"BROKER": cluster.ListenAddrs()[0],
		"REGISTRY": registry.URL(), "TOKEN": sandbox.DefaultToken, "TIKTOK": cluster.tiktok.URL, "FOLDER": t.TempDir()}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := daemon.New(c, options)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.RunOn(ctx, listener) }()
	r := &running{Daemon: d, t: t, kafka: c.Kafka, address: "http://" + listener.Addr().String(), cluster: cluster.Cluster}
	r.stop = func() error {
		cancel()
		return <-ended
	}
	t.Cleanup(cancel)
	return r
}

// shop is what instances have in common: Kafka and TikTok.
type shop struct {
	*kfake.Cluster
	tiktok *httptest.Server
}

func newCluster(t *testing.T) *shop {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "orders", "people"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	tiktok := httptest.NewServer(sandbox.New(sandbox.Config{Refuse: sandbox.Strict()}))
	t.Cleanup(tiktok.Close)
	return &shop{cluster, tiktok}
}

// scrape is what Prometheus would read; OpenMetrics is the form with exemplars.
func (r *running) scrape(accept string) string {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.address+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// until scrapes until it is so, for a minute at most.
func (r *running) until(what string, so func(text string) bool) string {
	r.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		if text := r.scrape("text/plain"); so(text) {
			return text
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("%s: not within a minute; metrics:\n%s", what, r.scrape("text/plain"))
		}
	}
}

// notYet are the metrics that nothing can be said of before something has happened.
var notYet = map[string]string{
	"tokrelay_audience_rows":                          "the first upload",
	"tokrelay_audience_last_upload_timestamp_seconds": "the first upload",
	"tokrelay_audience_upload_seconds":                "the first upload",
	"tokrelay_audience_upload_due_timestamp_seconds":  "the first look at the ledger",
	"tokrelay_audience_below_minimum":                 "the first run",
	"tokrelay_audience_read_records":                  "the first run",
	"tokrelay_audience_read_offsets":                  "the first run",
	"tokrelay_events_counted":                         "a day that has been over for a day",
	"tokrelay_audience_covered":                       "TikTok's first word of the audience",
	"tokrelay_audience_valid":                         "TikTok's first word of the audience",
	"tokrelay_audience_expiry_timestamp_seconds":      "TikTok's first word of the audience",
}

var documented = regexp.MustCompile("(?m)^\\| `(tokrelay_\\w+)`")

func TestEveryDocumentedMetricIsThereBeforeTheFirstRow(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/operations/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, newCluster(t), daemon.Options{Version: "1.0.0", Commit: "abc"})
	text := r.until("partitions are read", func(text string) bool {
		return strings.Contains(text, `tokrelay_consumer_lag_records{partition="0",sync="orders"`) &&
			strings.Contains(text, `tokrelay_consumer_lag_records{partition="0",sync="members"`) &&
			strings.Contains(text, "\ntokrelay_audience_rows_remembered{") && strings.Contains(text, "\ntokrelay_audience_restore_seconds{") &&
			strings.Contains(text, "\ntokrelay_last_commit_timestamp_seconds{") // where reading begins
	})
	names := documented.FindAllStringSubmatch(string(page), -1)
	if len(names) < 50 {
		t.Fatalf("the page has %d metrics: the test looks at nothing", len(names))
	}
	for _, m := range names {
		there := strings.Contains(text, "\n"+m[1]+"{") || strings.Contains(text, "\n"+m[1]+" ") || strings.Contains(text, "\n"+m[1]+"_count")
		if there == (notYet[m[1]] != "") {
			t.Errorf("%s: there %t; it waits for %q", m[1], there, notYet[m[1]])
		}
	}
	for _, series := range []string{
		`tokrelay_rows_rejected_total{class="invalid",reason="invalid_currency",stage="validate",sync="orders"} 0`,
		`tokrelay_rows_rejected_total{class="unreadable",reason="unknown_magic_byte",stage="frame",sync="members"} 0`,
		`tokrelay_dlq_records_total{reason="invalid_email",sync="members",topic="tokrelay.rejected"} 0`,
		`tokrelay_dlq_records_total{reason="gave_up",sync="orders",topic="tokrelay.failed"} 0`,
		`tokrelay_dlq_produce_errors_total{sync="lapsed",topic="tokrelay.rejected"} 0`,
		`tokrelay_http_requests_total{code="0",endpoint="/event/track/",sink="events",sync="orders"} 0`,
		`tokrelay_schema_fetches_total{result="unauthorized"} 0`,
		`tokrelay_items_total{kind="delete",sync="members"} 0`,
		`tokrelay_records_lost_total{sync="orders",topic="orders"} 0`,
		`tokrelay_trouble{kind="token",sync="orders"} 0`,
	} {
		if !strings.Contains(text, "\n"+series+"\n") {
			t.Errorf("no %s", series)
		}
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// produce writes values into a topic, round about; "" is a tombstone.
func (r *running) produce(topic string, values ...string) {
	r.t.Helper()
	p := kafka.NewProducer(r.kafka, "test", nil, nil)
	defer p.Close()
	records := make([]pipeline.Record, len(values))
	for i, v := range values {
		records[i] = pipeline.Record{Topic: topic, Partition: int32(i % 2), Key: fmt.Append(nil, "k", i)}
		if v != "" {
			records[i].Value = []byte(v)
		}
	}
	for _, err := range p.Produce(r.t.Context(), records) {
		if err != nil {
			r.t.Fatal(err)
		}
	}
}

// orders are n rows of which every seventh is a tombstone, every fifth of the others has a currency of its own making, and
// every eleventh of the rest cannot be read.
func orders(n int) (values []string) {
	for i := range n {
		currency, value := "USD", ""
		switch {
		case i%7 == 0:
			values = append(values, "")
			continue
		case i%5 == 0:
			currency = "Taler"
		case i%11 == 0:
			value = "{broken"
		}
		if value == "" {
			value = fmt.Sprintf(`{"id":"order-%d","at":"%s","email":"p%d@example.com","amount":%d,"currency":"%s"}`,
				i, time.Now().UTC().Format(time.RFC3339), i, i, currency)
		}
		values = append(values, value)
	}
	return values
}

func people(n int) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf(`{"id":%d,"email":"p%d@example.com"}`, i, i))
	}
	return values
}

// TestRecordsAreSettledOrUnsettled is the law that the metrics page states, on a running daemon: at every scrape no record
// settled that was not read, and at rest every one did.
func TestRecordsAreSettledOrUnsettled(t *testing.T) {
	t.Parallel()
	r := start(t, newCluster(t), daemon.Options{})
	const rows = 3000
	r.produce("orders", orders(rows)...)
	r.produce("people", people(rows)...)
	law := func(sync string) (metrics.Counts, int64) {
		c, err := r.Wiring.Metrics.Counts(sync)
		if err != nil {
			t.Fatal(err)
		}
		settled := int64(0)
		for n := range maps.Values(c.Settled) {
			settled += n
		}
		return c, settled
	}
	r.until("everything has settled", func(string) bool {
		for _, sync := range []string{"orders", "members"} {
			if c, settled := law(sync); c.Records != rows || c.Unsettled != 0 || settled != rows {
				return false
			}
		}
		return true
	})
	c, _ := law("orders")
	for _, outcome := range []pipeline.Outcome{pipeline.Delivered, pipeline.DeadLettered, pipeline.Skipped} {
		if c.Settled[outcome] == 0 {
			t.Errorf("no record was %s: the law was not tried", outcome)
		}
	}
	if c.Rejected[pipeline.InvalidCurrency]+c.Rejected[pipeline.JSONDecode] != c.Settled[pipeline.DeadLettered] {
		t.Errorf("rejected %v, dead-lettered %d", c.Rejected, c.Settled[pipeline.DeadLettered])
	}
	r.until("the additions of members are counted", func(text string) bool {
		return strings.Contains(text, fmt.Sprintf("\n"+`tokrelay_items_total{kind="add",sync="members"} %d`+"\n", rows))
	})
	r.everyClientMetricIsDocumented()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	for _, sync := range []string{"orders", "members"} {
		if c, settled := law(sync); c.Records != settled+c.Unsettled {
			t.Errorf("%s: %d records, %d settled, %d unsettled", sync, c.Records, settled, c.Unsettled)
		}
	}
}

var clientMetric = regexp.MustCompile(`(?m)^# TYPE (tokrelay_kafka_\w+)`)

// everyClientMetricIsDocumented looks at what franz-go publishes by now, dead letters among it.
func (r *running) everyClientMetricIsDocumented() {
	r.t.Helper()
	page, err := os.ReadFile("../../../docs/operations/metrics.md")
	if err != nil {
		r.t.Fatal(err)
	}
	text := r.scrape("text/plain")
	found := clientMetric.FindAllStringSubmatch(text, -1)
	for _, m := range found {
		if !strings.Contains(string(page), "`"+m[1]+"`") {
			r.t.Errorf("%s is not on the metrics page", m[1])
		}
	}
	for _, series := range []string{
		`tokrelay_kafka_fetch_compressed_bytes_total{client="consumer",sync="orders",topic="orders"}`,
		`tokrelay_kafka_produce_compressed_bytes_total{client="dead-letters",sync="",topic="tokrelay.rejected"}`,
		`tokrelay_kafka_connects_total{client="admin",sync=""}`,
	} {
		if !strings.Contains(text, "\n"+series) {
			r.t.Errorf("no %s", series)
		}
	}
	if strings.Contains(text, "node_id") {
		r.t.Error("a series per broker")
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "tokrelay_") {
			r.t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestTheConfigurationsHashIsThatOfWhatItDoes(t *testing.T) {
	hash := func(text string, env map[string]string) string {
		c, report := daemon.Parse([]byte(text), settings.Vars(env))
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		d, err := daemon.New(c, daemon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		families, err := d.Wiring.Metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "tokrelay_config_info" {
				return f.Metric[0].Label[0].GetValue()
			}
		}
		t.Fatal("no tokrelay_config_info")
		return ""
	}
	env := map[string]string{"BROKER": "localhost:9092", "REGISTRY": "http://localhost:8081", "TOKEN": "one", "TIKTOK": "http://localhost:9", "FOLDER": t.TempDir()}
	first := hash(everyKind, env)
	other := maps.Clone(env)
	other["TOKEN"] = "two"
	static := strings.Replace(everyKind, "kafka: {", "kafka: {instance_id: pod-1, session_timeout: 2m, ", 1)
	static2 := strings.Replace(static, "pod-1", "pod-2", 1)
	changed := strings.Replace(everyKind, "Purchase", "AddToCart", 1)
	if got := hash(everyKind, other); got != first {
		t.Errorf("another token: %s, want %s", got, first)
	}
	if a, b := hash(static, env), hash(static2, env); a != b || a == first {
		t.Errorf("hashes of two instances %s and %s; of another session timeout %s", a, b, first)
	}
	if slices.Contains([]string{first, ""}, hash(changed, env)) {
		t.Error("another mapping has the same hash")
	}
}
