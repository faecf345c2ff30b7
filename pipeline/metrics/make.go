package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Buckets of histograms: of a call, of a wait that may last for days, and of numbers of items.
var (
	Seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	Delays  = []float64{1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600, 48 * 3600, 7 * 24 * 3600}
	Sizes   = []float64{1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000}
)

// OfSync makes metrics in reg that carry the sync's name.
func OfSync(reg prometheus.Registerer, sync string) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"sync": sync}, reg)
}

// OfAudience makes metrics in reg that carry the id of an audience; the sync's name where rows name audiences.
func OfAudience(reg prometheus.Registerer, audience string) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"audience": audience}, reg)
}

// Counter makes a counter, whose name gets the prefix of all of ours. With a nil reg it counts and is not published, and
// so it is with Gauge and Histogram.
func Counter(reg prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	return promauto.With(reg).NewCounterVec(prometheus.CounterOpts{Namespace: "tokrelay", Name: name, Help: help}, labels)
}

// Gauge makes a gauge.
func Gauge(reg prometheus.Registerer, name, help string, labels ...string) *prometheus.GaugeVec {
	return promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{Namespace: "tokrelay", Name: name, Help: help}, labels)
}

// Histogram makes a histogram.
func Histogram(reg prometheus.Registerer, name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return promauto.With(reg).NewHistogramVec(prometheus.HistogramOpts{Namespace: "tokrelay", Name: name, Help: help, Buckets: buckets}, labels)
}

// Observe observes a time with the trace as the exemplar of its bucket, for those who scrape OpenMetrics; "" for none.
func Observe(h prometheus.Observer, d time.Duration, trace string) {
	if trace == "" {
		h.Observe(d.Seconds())
		return
	}
	h.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": trace})
}

// SetTime sets a gauge to a moment.
func SetTime(g prometheus.Gauge, t time.Time) { g.Set(float64(t.UnixMilli()) / 1000) }

// SetFlag sets a gauge to 1 or 0.
func SetFlag(g prometheus.Gauge, on bool) {
	value := 0.0
	if on {
		value = 1
	}
	g.Set(value)
}
