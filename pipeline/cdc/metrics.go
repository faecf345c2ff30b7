package cdc

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics count what all decoders of a process do.
type Metrics struct{ fallbacks *prometheus.CounterVec }

// NewMetrics makes them in reg; nil publishes none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{fallbacks: metrics.Counter(reg, "decoder_fallbacks_total", "Writer schemas whose compiled plan was given up for goavro, by reason.", "reason")}
	m.fallbacks.WithLabelValues("mismatch")
	return m
}
