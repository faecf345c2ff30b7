package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Troubles publishes what the status says of every sync as tokrelay_trouble. Several steps may be in trouble of one kind;
// only the status knows whether one still is, so it is asked at each scrape and nobody counts next to it.
func (m *Metrics) Troubles(status *pipeline.Status) {
	m.Registry.MustRegister(&troubles{m: m, status: status, desc: prometheus.NewDesc("tokrelay_trouble",
		"1 while the sync is held up by something that is not its rows' fault, by kind.", []string{"sync", "kind"}, nil)})
}

type troubles struct {
	m      *Metrics
	status *pipeline.Status
	desc   *prometheus.Desc
}

// Describe is called by Prometheus' registry.
func (t *troubles) Describe(out chan<- *prometheus.Desc) { out <- t.desc }

// Collect is called by Prometheus' registry.
func (t *troubles) Collect(out chan<- prometheus.Metric) {
	for _, sync := range t.m.syncs {
		now := t.status.Troubles(sync)
		for _, kind := range pipeline.TroubleKinds {
			value := 0.0
			if slices.ContainsFunc(now, func(t pipeline.TroubleSince) bool { return t.Kind == kind }) {
				value = 1
			}
			out <- prometheus.MustNewConstMetric(t.desc, prometheus.GaugeValue, value, sync, string(kind))
		}
	}
}
