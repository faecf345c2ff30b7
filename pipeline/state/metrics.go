package state

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics show what is remembered of one sync's members. They have no series before something is.
type Metrics struct{ entries, restore *prometheus.GaugeVec }

// NewMetrics makes them in reg, which names the sync; nil publishes none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{
		entries: metrics.Gauge(reg, "member_state_entries", "Members remembered by digest."),
		restore: metrics.Gauge(reg, "member_state_restore_seconds", "Time the last restore of member state took."),
	}
}
