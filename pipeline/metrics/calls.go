package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Calls count one sync's API calls. Delivery and uploads of files make some, so they share these.
type Calls struct {
	sink              string
	items             prometheus.Observer
	requests, retries *prometheus.CounterVec
	seconds           *prometheus.HistogramVec
	lastSuccess       prometheus.Gauge
}

// NewCalls makes them in reg, which names the sync; nil publishes none. sink is the kind of the sync's sink.
func NewCalls(reg prometheus.Registerer, sink string) *Calls {
	return &Calls{
		sink:        sink,
		items:       Histogram(reg, "batch_events", "Items in a call.", Sizes, "sink").WithLabelValues(sink),
		requests:    Counter(reg, "http_requests_total", "API calls, by TikTok's code, else HTTP status, else network.", "sink", "endpoint", "code"),
		retries:     Counter(reg, "retries_total", "Calls sent again, by verdict.", "sink", "reason"),
		seconds:     Histogram(reg, "http_request_seconds", "Time of one API call.", Seconds, "sink", "endpoint"),
		lastSuccess: Gauge(reg, "last_success_timestamp_seconds", "When TikTok last accepted a call.", "sink").WithLabelValues(sink),
	}
}

// Begin makes the series of calls to an endpoint, at 0. TikTok's other codes appear with the first answer that has them.
func (c *Calls) Begin(endpoint string) {
	for _, code := range []string{"0", "network"} {
		c.requests.WithLabelValues(c.sink, endpoint, code)
	}
	c.seconds.WithLabelValues(c.sink, endpoint)
	for _, v := range []pipeline.Verdict{pipeline.Retry, pipeline.Throttled, pipeline.Denied, pipeline.Broken, pipeline.Unknown, pipeline.Refused} {
		c.retries.WithLabelValues(c.sink, v.String())
	}
}

// Made counts a finished call; trace is the id of its trace, "" for none.
func (c *Calls) Made(call *pipeline.Call, trace string) {
	a := &call.Answer
	c.items.Observe(float64(call.Items))
	c.requests.WithLabelValues(c.sink, call.Endpoint, a.CodeLabel()).Inc()
	Observe(c.seconds.WithLabelValues(c.sink, call.Endpoint), a.Duration, trace)
	if a.IsAccepted() {
		SetTime(c.lastSuccess, call.Time.Add(a.Duration))
	}
}

// Again counts a call that will be sent again.
func (c *Calls) Again(v pipeline.Verdict) { c.retries.WithLabelValues(c.sink, v.String()).Inc() }
