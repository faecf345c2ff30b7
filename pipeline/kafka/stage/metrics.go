package stage

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics show what this instance's members of an audience's groups do.
type Metrics struct {
	restore      *prometheus.GaugeVec // no series before the first partition is restored
	transactions *prometheus.CounterVec
}

// NewMetrics makes them in reg, which names the audience; nil publishes none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{
		restore:      metrics.Gauge(reg, "audience_restore_seconds", "Time from being given partitions of an audience until all were restored, the last time.", "stage"),
		transactions: metrics.Counter(reg, "audience_transactions_total", "Transactions of an audience's rows, by result: what an aborted one read comes again.", "stage", "result"),
	}
}

func (m *Metrics) restored(stage string, took time.Duration) {
	m.restore.WithLabelValues(stage).Set(took.Seconds())
}

// begin makes the series of a stage, at 0.
func (m *Metrics) begin(stage string) {
	for _, result := range []string{"committed", "aborted"} {
		m.transactions.WithLabelValues(stage, result)
	}
}

func (m *Metrics) ended(stage string, committed bool) {
	result := "aborted"
	if committed {
		result = "committed"
	}
	m.transactions.WithLabelValues(stage, result).Inc()
}
