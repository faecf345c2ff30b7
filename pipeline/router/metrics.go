package router

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics count one sync's rows on their way through the steps.
type Metrics struct {
	rows *metrics.Rows

	ops    [len(pipeline.Ops) + 1]prometheus.Counter
	decode prometheus.Observer
	delay  prometheus.Observer
}

// NewMetrics makes them in reg, which names the sync; nil publishes none.
func NewMetrics(reg prometheus.Registerer, rows *metrics.Rows) *Metrics {
	ops := metrics.Counter(reg, "rows_total", "Rows decoded, by operation.", "op")
	m := &Metrics{
		rows:   rows,
		decode: metrics.Histogram(reg, "decode_seconds", "Time to decode and map a chunk of up to 1000 records and to make its items; waits for trouble count.", metrics.Seconds).WithLabelValues(),
		delay:  metrics.Histogram(reg, "source_delay_seconds", "Time from the change in the database to its settling.", metrics.Delays).WithLabelValues(),
	}
	for _, op := range pipeline.Ops {
		m.ops[op] = ops.WithLabelValues(op.String())
	}
	return m
}
