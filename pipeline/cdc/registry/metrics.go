package registry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics count what is asked of the registry.
type Metrics struct {
	fetches *prometheus.CounterVec
	seconds prometheus.Observer
	cached  prometheus.Gauge
}

// NewMetrics makes them in reg; nil publishes none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		fetches: metrics.Counter(reg, "schema_fetches_total", "Schemas asked of the registry, by result.", "result"),
		seconds: metrics.Histogram(reg, "schema_fetch_seconds", "Time of one registry request.", metrics.Seconds).WithLabelValues(),
		cached:  metrics.Gauge(reg, "schema_cache_entries", "Writer schemas held in memory.").WithLabelValues(),
	}
	for _, result := range []string{"ok", "not_found", "error", "unauthorized"} {
		m.fetches.WithLabelValues(result)
	}
	return m
}

// fetched counts one request.
func (m *Metrics) fetched(result string, took time.Duration) {
	m.fetches.WithLabelValues(result).Inc()
	m.seconds.Observe(took.Seconds())
}
