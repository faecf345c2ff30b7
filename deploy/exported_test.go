// Package deploy_test holds what an operator copies to what the program is: rules, dashboards and pages name metrics that
// are exported, manifests ask for paths that are served, and every file that is mounted exists.
package deploy_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka/stage"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/events/counted"
	"github.com/tokrelay/tokrelay/sinks/segment/owners"
)

// exported is a metric of the program.
type exported struct {
	name, help, kind string
	labels           []string
}

const anyProgram = `
kafka: {brokers: ["localhost:9092"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: none}}
syncs:
  - name: web
    topic: orders
    format: flat
    framing: {style: json}
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}
`

// idle is the program before anything has happened.
func idle(t *testing.T) *metrics.Registry {
	t.Helper()
	c, report := daemon.Parse([]byte(anyProgram), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := daemon.New(c, daemon.Options{Version: "1.0.0", Commit: "abcdef123456"})
	if err != nil {
		t.Fatal(err)
	}
	d.Wiring.Close()
	return d.Wiring.Metrics
}

// busy is a sync to which everything has happened once.
func busy() *prometheus.Registry {
	r := prometheus.NewRegistry()
	daemon.NewMetrics(busyRegistry{metrics.OfSync(r, "web")}, daemon.KindEvents)
	audience := busyRegistry{metrics.OfAudience(r, "7000000000000000002")}
	stage.NewMetrics(audience)
	owners.NewMetrics(audience)
	counted.NewReadback(nil, nil, time.Now, busyRegistry{r}, nil)
	return r
}

// busyRegistry is a registry in which every metric has a series.
type busyRegistry struct{ prometheus.Registerer }

var variableLabels = regexp.MustCompile(`variableLabels: {([^}]*)}`)

// MustRegister is called for each metric that is made.
func (b busyRegistry) MustRegister(list ...prometheus.Collector) {
	b.Registerer.MustRegister(list...)
	for _, c := range list {
		descriptions := make(chan *prometheus.Desc, 1)
		c.Describe(descriptions)
		labels := strings.FieldsFunc(variableLabels.FindStringSubmatch((<-descriptions).String())[1], func(r rune) bool { return r == ',' })
		switch v := c.(type) {
		case *prometheus.CounterVec:
			v.WithLabelValues(labels...)
		case *prometheus.GaugeVec:
			v.WithLabelValues(labels...)
		case *prometheus.HistogramVec:
			v.WithLabelValues(labels...)
		}
	}
}

// all are the program's metrics by name, Go's and the process's among them.
func all(t *testing.T) map[string]exported {
	t.Helper()
	found, running := map[string]exported{}, idle(t)
	for _, f := range families(t, running, busy()) {
		e := exported{name: f.GetName(), help: f.GetHelp(), kind: strings.ToLower(f.GetType().String())}
		for _, l := range f.Metric[0].Label {
			e.labels = append(e.labels, l.GetName())
		}
		found[e.name] = e
	}
	for _, name := range described(running.Registry) {
		if _, ok := found[name]; !ok && strings.HasPrefix(name, "tokrelay_") && !strings.HasPrefix(name, clientPrefix) {
			t.Errorf("%s is registered, and busy() gives it no series: make it there", name)
		}
	}
	return found
}

// families are what registries publish, but the Kafka client's own.
func families(t *testing.T, registries ...prometheus.Gatherer) (list []*dto.MetricFamily) {
	t.Helper()
	for _, r := range registries {
		some, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, slices.DeleteFunc(some, func(f *dto.MetricFamily) bool { return strings.HasPrefix(f.GetName(), clientPrefix) })...)
	}
	return list
}

// clientPrefix begins the names of the Kafka client's own metrics. A test of the daemon holds the page to them.
const clientPrefix = "tokrelay_kafka_"

var fqName = regexp.MustCompile(`fqName: "([^"]+)"`)

func described(registry *prometheus.Registry) (names []string) {
	ch := make(chan *prometheus.Desc)
	go func() { registry.Describe(ch); close(ch) }()
	for d := range ch {
		names = append(names, fqName.FindStringSubmatch(d.String())[1])
	}
	return names
}

// series are the names one may ask Prometheus for, with their labels.
func series(t *testing.T) map[string]map[string]bool {
	t.Helper()
	names := map[string]map[string]bool{"up": labelSet()}
	for _, e := range all(t) {
		names[e.name] = labelSet(e.labels...)
		if e.kind == strings.ToLower(dto.MetricType_HISTOGRAM.String()) {
			names[e.name+"_bucket"] = labelSet(append(e.labels, "le")...)
			names[e.name+"_sum"], names[e.name+"_count"] = labelSet(e.labels...), labelSet(e.labels...)
		}
	}
	return names
}

// labelSet are labels, and those that scraping adds.
func labelSet(labels ...string) map[string]bool {
	set := map[string]bool{"job": true, "instance": true}
	for _, l := range labels {
		set[l] = true
	}
	return set
}
