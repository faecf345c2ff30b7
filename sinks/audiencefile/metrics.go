package audiencefile

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// Metrics show one sync's runs. They have no series before the first run, but the ways in which one may end.
type Metrics struct {
	rows      *metrics.Rows
	calls     *metrics.Calls
	audiences *audience.Metrics

	uploads      *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	last, due    *prometheus.GaugeVec
	members      *prometheus.GaugeVec
	belowMinimum *prometheus.GaugeVec
	read, total  *prometheus.GaugeVec
}

// NewMetrics makes them in reg, which names the sync; nil publishes none.
func NewMetrics(reg prometheus.Registerer, rows *metrics.Rows, calls *metrics.Calls, audiences *audience.Metrics) *Metrics {
	return &Metrics{
		rows: rows, calls: calls, audiences: audiences,
		uploads:      metrics.Counter(reg, "audience_uploads_total", "File uploads, by result.", "result"),
		seconds:      metrics.Histogram(reg, "audience_upload_seconds", "Time of one whole upload.", metrics.Delays),
		last:         metrics.Gauge(reg, "audience_last_upload_timestamp_seconds", "When an upload was last accepted."),
		due:          metrics.Gauge(reg, "audience_upload_due_timestamp_seconds", "When the schedule next wants an upload, or wanted the first one that did not become whole."),
		members:      metrics.Gauge(reg, "audience_rows", "Members in the last file upload.", "audience"),
		belowMinimum: metrics.Gauge(reg, "audience_below_minimum", "1 while the audience has fewer members than TikTok uses."),
		read:         metrics.Gauge(reg, "audience_read_records", "Records that the run under way has read for a file audience."),
		total:        metrics.Gauge(reg, "audience_read_offsets", "Offsets that run has to read; compaction may have left fewer records."),
	}
}

// begin makes the series of every way in which a run may end.
func (m *Metrics) begin() {
	for _, r := range Results {
		m.uploads.WithLabelValues(string(r))
	}
}

// ended shows how a run ended.
func (m *Metrics) ended(of *Manifest) {
	m.uploads.WithLabelValues(string(of.Result)).Inc()
	m.seconds.WithLabelValues().Observe(of.Ended.Sub(of.Began).Seconds())
	if of.Result == Uploaded {
		metrics.SetTime(m.last.WithLabelValues(), of.Ended)
	}
	if of.Result == Uploaded || of.Result == Unchanged {
		m.members.WithLabelValues(of.AudienceID).Set(float64(of.Members))
	}
}

// reading shows how far the reading is.
func (m *Metrics) reading(p Progress) {
	m.read.WithLabelValues().Set(float64(p.Rows))
	m.total.WithLabelValues().Set(float64(p.Total))
}
