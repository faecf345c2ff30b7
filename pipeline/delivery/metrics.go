package delivery

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics count one sync's batches.
type Metrics struct {
	rows  *metrics.Rows
	calls *metrics.Calls

	batches         *prometheus.CounterVec
	splits, limited prometheus.Counter
	wait            prometheus.Observer
	inFlight, queue prometheus.Gauge
	capacity        *prometheus.GaugeVec // no series where nothing is queued
}

// NewMetrics makes them in reg, which names the sync; nil publishes none. sink is the kind of the sync's sink.
func NewMetrics(reg prometheus.Registerer, sink string, rows *metrics.Rows, calls *metrics.Calls) *Metrics {
	of := prometheus.Labels{"sink": sink}
	return &Metrics{
		rows: rows, calls: calls,
		batches:  metrics.Counter(reg, "batches_total", "Batches by how they ended: accepted, partial, rejected, dead_lettered.", "sink", "result").MustCurryWith(of),
		splits:   metrics.Counter(reg, "batches_split_total", "Refused batches sent again in parts.", "sink").With(of),
		limited:  metrics.Counter(reg, "rate_limited_seconds_total", "Time calls waited for a limit.", "sink").With(of),
		wait:     metrics.Histogram(reg, "batch_wait_seconds", "Time from an item's making to its call.", metrics.Seconds, "sink").With(of),
		inFlight: metrics.Gauge(reg, "http_in_flight", "API calls under way.", "sink").With(of),
		queue:    metrics.Gauge(reg, "queue_events", "Items waiting for a call.", "sink").With(of),
		capacity: metrics.Gauge(reg, "queue_events_capacity", "Items that may wait before intake stops.", "sink").MustCurryWith(of),
	}
}

// begin makes the series of a queue, at 0.
func (m *Metrics) begin(endpoint string, capacity int) {
	m.calls.Begin(endpoint)
	for _, result := range []string{"accepted", "partial", "rejected", "dead_lettered"} {
		m.batches.WithLabelValues(result)
	}
	m.capacity.WithLabelValues().Set(float64(capacity))
}
