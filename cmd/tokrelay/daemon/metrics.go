package daemon

import (
	"runtime"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/delivery"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/sinks/audience"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/events"
)

// Metrics are those of the packages that work for one sync.
type Metrics struct {
	rows      *metrics.Rows
	consumer  *kafka.Metrics
	router    *router.Metrics
	delivery  *delivery.Metrics
	letters   *deadletter.Metrics
	events    *events.Metrics
	audiences *audience.Metrics
	files     *audiencefile.Metrics
}

// NewMetrics makes them in reg, which names the sync; nil publishes none. Every kind of sync has them all.
func NewMetrics(reg prometheus.Registerer, sink string) *Metrics {
	rows, calls, audiences := metrics.NewRows(reg), metrics.NewCalls(reg, sink), audience.NewMetrics(reg)
	sent := rows
	if sink == KindSegment {
		sent = rows.Rejections() // a row has settled once its owner is told
	}
	return &Metrics{
		rows:      rows,
		consumer:  kafka.NewMetrics(reg, rows),
		router:    router.NewMetrics(reg, rows),
		delivery:  delivery.NewMetrics(reg, sink, sent, calls),
		events:    events.NewMetrics(reg, rows),
		letters:   deadletter.NewMetrics(reg),
		audiences: audiences,
		files:     audiencefile.NewMetrics(reg, rows, calls, audiences),
	}
}

// newMetrics makes and publishes those of a sync, its troubles among them.
func (w *Wiring) newMetrics(s *Sync) *Metrics {
	reg := metrics.OfSync(w.Metrics, s.Name)
	reg.MustRegister(&troubles{sync: s.Name, status: w.Status, desc: prometheus.NewDesc("tokrelay_trouble",
		"1 while the sync is held up by something that is not its rows' fault, by kind.", []string{"kind"}, nil)})
	return NewMetrics(reg, s.Kind())
}

// troubles publish what the status says of a sync. Several steps may be in trouble of one kind; only the status knows
// whether one still is, so it is asked at each scrape.
type troubles struct {
	sync   string
	status *pipeline.Status
	desc   *prometheus.Desc
}

// Describe is called by Prometheus' registry.
func (t *troubles) Describe(out chan<- *prometheus.Desc) { out <- t.desc }

// Collect is called by Prometheus' registry.
func (t *troubles) Collect(out chan<- prometheus.Metric) {
	now := t.status.Troubles(t.sync)
	for _, kind := range pipeline.TroubleKinds {
		value := 0.0
		if slices.ContainsFunc(now, func(t pipeline.TroubleSince) bool { return t.Kind == kind }) {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(t.desc, prometheus.GaugeValue, value, string(kind))
	}
}

// publishInfo publishes the version and the configuration's hash.
func (w *Wiring) publishInfo() {
	o, reg := w.options, w.Metrics
	metrics.Gauge(reg, "build_info", "Version of the binary.", "version", "commit", "go").WithLabelValues(o.Version, o.Commit, runtime.Version()).Set(1)
	metrics.Gauge(reg, "config_info", "Hash of the effective configuration.", "hash").WithLabelValues(w.Config.hash()).Set(1)
}
