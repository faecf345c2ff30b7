// Package metrics holds every metric of tokrelay: names, meanings and labels in one table, and handles bound to a sync
// so that the row path counts without a lookup. Prometheus' client lives here; cmd serves the registry. Labels are
// bounded: sync, sink, topic, partition, op, reason, class, stage, code, result. Nothing of a row is ever a label.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is the daemon's set of metrics.
type Metrics struct {
	Registry *prometheus.Registry

	batches, splits           *prometheus.CounterVec
	batchEvents, batchWait    *prometheus.HistogramVec
	requests, retries         *prometheus.CounterVec
	requestSeconds            *prometheus.HistogramVec
	inFlight, queue, capacity *prometheus.GaugeVec
	limited                   *prometheus.CounterVec
	lastSuccess               *prometheus.GaugeVec
	matchKeys                 *prometheus.CounterVec
}

var (
	seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	delays  = []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 48 * 3600, 7 * 24 * 3600}
	sizes   = []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}
)

// New makes the metrics in a registry of their own, with Go's and the process's next to them.
func New() *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry()}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.rowMetrics()
	m.delivery()
	return m
}

func (m *Metrics) rowMetrics() {
	m.matchKeys = m.counter("event_match_keys_total", "Events with a match key, by event name; key \"any\" counts all events.", "sync", "event", "key")
}

func (m *Metrics) delivery() {
	m.batches = m.counter("batches_total", "Batches by how they ended: accepted, partial, rejected, dead_lettered.", "sync", "sink", "result")
	m.splits = m.counter("batches_split_total", "Refused batches sent again in parts.", "sync", "sink")
	m.batchEvents = m.histogram("batch_events", "Items in a call.", sizes, "sync", "sink")
	m.batchWait = m.histogram("batch_wait_seconds", "Time from an item's making to its call.", seconds, "sync", "sink")
	m.requests = m.counter("http_requests_total", "API calls, by TikTok's code, else HTTP status, else network.", "sync", "sink", "endpoint", "code")
	m.requestSeconds = m.histogram("http_request_seconds", "Time of one API call.", seconds, "sync", "sink", "endpoint")
	m.inFlight = m.gauge("http_in_flight", "API calls under way.", "sync", "sink")
	m.retries = m.counter("retries_total", "Calls sent again, by verdict.", "sync", "sink", "reason")
	m.limited = m.counter("rate_limited_seconds_total", "Time calls waited for a limit.", "sync", "sink")
	m.queue = m.gauge("queue_events", "Items waiting for a call.", "sync", "sink")
	m.capacity = m.gauge("queue_events_capacity", "Items that may wait before intake stops.", "sync", "sink")
	m.lastSuccess = m.gauge("last_success_timestamp_seconds", "When TikTok last accepted a call.", "sync", "sink")
}

func (m *Metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "tokrelay", Name: name, Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "tokrelay", Name: name, Help: help}, labels)
	m.Registry.MustRegister(v)
	return v
}

func (m *Metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "tokrelay", Name: name, Help: help, Buckets: buckets}, labels)
	m.Registry.MustRegister(v)
	return v
}
