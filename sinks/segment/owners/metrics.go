package owners

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics show what this instance owns of an audience.
type Metrics struct{ rows, bytes, waiting *prometheus.GaugeVec }

// NewMetrics makes them in reg, which names the audience; nil publishes none. They have no series before Show.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{
		rows:    metrics.Gauge(reg, "audience_rows_remembered", "Rows that this instance remembers of an audience: those of the partitions that it owns."),
		bytes:   metrics.Gauge(reg, "audience_memory_bytes", "Memory that they take, about."),
		waiting: metrics.Gauge(reg, "audience_digests_waiting", "Digests about which this instance is to tell TikTok, or is telling it."),
	}
}

// Show sets them.
func (m *Metrics) Show(rows *RowsOwner, claims *Claims) {
	n, bytes := rows.Len()
	m.rows.WithLabelValues().Set(float64(n))
	m.bytes.WithLabelValues().Set(float64(bytes))
	m.waiting.WithLabelValues().Set(float64(claims.Waiting()))
}
