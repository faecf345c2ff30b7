// Package deploy_test holds what an operator copies to what the program is: rules, dashboards and pages name metrics that
// are exported, manifests ask for paths that are served, and every file that is mounted exists.
package deploy_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// exported is a metric of the program.
type exported struct {
	name, help, kind string
	labels           []string
}

// busy is a program that has done everything once, so that every metric has a series.
func busy() *metrics.Metrics {
	m := metrics.New()
	all := busyRegistry{m.Registry}
	registry.NewMetrics(all)
	cdc.NewMetrics(all)
	calls.NewMetrics(all)
	s := m.Sync("web", "events", nil)
	now := time.Now()
	s.MatchKeys("Purchase", "any").Inc()
	s.Batch("accepted")
	s.Split()
	s.Call(metrics.Call{Endpoint: "/event/track/", Items: 1, Answer: &pipeline.Answer{Verdict: pipeline.Accepted}, At: now})
	s.Retry(pipeline.Retry)
	s.BatchWait(time.Second, "")
	s.InFlight(1)
	s.Queue(1, 2)
	s.Limited(time.Second)
	daemon.NewMetrics(busyRegistry{metrics.OfSync(m.Registry, "web")}, "events")
	return m
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
	m := busy()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]exported{}
	for _, f := range families {
		e := exported{name: f.GetName(), help: f.GetHelp(), kind: strings.ToLower(f.GetType().String())}
		for _, l := range f.Metric[0].Label {
			e.labels = append(e.labels, l.GetName())
		}
		found[e.name] = e
	}
	for _, name := range described(m.Registry) {
		if _, ok := found[name]; !ok && strings.HasPrefix(name, "tokrelay_") {
			t.Errorf("%s is registered, and busy() gives it no series: add a call there", name)
		}
	}
	return found
}

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
