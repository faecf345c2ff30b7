package deadletter

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics count one sync's dead letters.
type Metrics struct {
	written, failed *prometheus.CounterVec
	seconds         prometheus.Observer
}

// NewMetrics makes them in reg, which names the sync; nil publishes none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{
		written: metrics.Counter(reg, "dlq_records_total", "Dead letters acknowledged by Kafka.", "topic", "reason"),
		failed:  metrics.Counter(reg, "dlq_produce_errors_total", "Dead letters that Kafka did not take at once.", "topic"),
		seconds: metrics.Histogram(reg, "dlq_produce_seconds", "Time until dead letters were acknowledged.", metrics.Seconds).WithLabelValues(),
	}
}

// begin makes the series at 0: rows of every reason, batches of the failed ones.
func (m *Metrics) begin(rejected, failed string) {
	for _, r := range pipeline.Reasons() {
		m.written.WithLabelValues(rejected, string(r))
		if r.Info().Class == pipeline.ClassFailed {
			m.written.WithLabelValues(failed, string(r))
		}
	}
	m.failed.WithLabelValues(rejected)
	m.failed.WithLabelValues(failed)
}
