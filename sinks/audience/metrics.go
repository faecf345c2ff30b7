package audience

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics show what TikTok last said of one sync's audiences.
type Metrics struct{ covered, valid, expiry *prometheus.GaugeVec }

// NewMetrics makes them in reg, which names the sync; nil publishes none.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{
		covered: metrics.Gauge(reg, "audience_covered", "Members TikTok reports as matched.", "audience"),
		valid:   metrics.Gauge(reg, "audience_valid", "1 while TikTok reports the audience as usable.", "audience"),
		expiry:  metrics.Gauge(reg, "audience_expiry_timestamp_seconds", "When TikTok lets the audience expire.", "audience"),
	}
}

// gone shows of an audience that it is not usable; Show corrects that where TikTok knows it. A nil m shows nothing.
func (m *Metrics) gone(id string) {
	if m != nil {
		m.valid.WithLabelValues(id).Set(0)
	}
}

// Forget shows nothing any more of an audience that is gone. A nil m shows nothing.
func (m *Metrics) Forget(id string) {
	if m != nil {
		for _, g := range []*prometheus.GaugeVec{m.covered, m.valid, m.expiry} {
			g.DeleteLabelValues(id)
		}
	}
}

// Show shows what the audience holds. A nil m shows nothing.
func (m *Metrics) Show(d *Details) {
	if m == nil {
		return
	}
	m.covered.WithLabelValues(d.ID).Set(float64(d.Covered))
	metrics.SetFlag(m.valid.WithLabelValues(d.ID), d.Valid)
	if !d.Expires.IsZero() {
		metrics.SetTime(m.expiry.WithLabelValues(d.ID), d.Expires.Time)
	}
}
