package calls

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics count the calls that the topic has, and those that it will not have.
type Metrics struct{ written, dropped prometheus.Counter }

// NewMetrics makes them in reg; nil publishes none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	calls := metrics.Counter(reg, "calls_topic_total", "API calls for the calls topic, by result: written, or dropped because the buffer was full or Kafka did not take them.", "result")
	return &Metrics{written: calls.WithLabelValues("written"), dropped: calls.WithLabelValues("dropped")}
}
