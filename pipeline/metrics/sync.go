package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Sync is one sync's metrics. All methods may be called from several goroutines. A nil *Sync counts nothing, so that
// tests and preview need none.
type Sync struct {
	m          *Metrics
	sync, sink string
	Rows       *Rows

	splits   prometheus.Counter
	items    prometheus.Observer
	wait     prometheus.Observer
	inFlight prometheus.Gauge
	queue    prometheus.Gauge
	limited  prometheus.Counter
}

func (s *Sync) bind() {
	s.splits = s.m.splits.WithLabelValues(s.sync, s.sink)
	s.items = s.m.batchEvents.WithLabelValues(s.sync, s.sink)
	s.wait = s.m.batchWait.WithLabelValues(s.sync, s.sink)
	s.inFlight = s.m.inFlight.WithLabelValues(s.sync, s.sink)
	s.queue = s.m.queue.WithLabelValues(s.sync, s.sink)
	s.limited = s.m.limited.WithLabelValues(s.sync, s.sink)
	s.m.lastSuccess.WithLabelValues(s.sync, s.sink)
}

// ItemCounter is what Items counts in, for the row path.
func (s *Sync) ItemCounter(kind string) prometheus.Counter {
	return s.Rows.Items(kind)
}

// Settled counts rows that ended.
func (s *Sync) Settled(o pipeline.Outcome, n int) {
	if s != nil {
		s.Rows.Settled(o, n)
	}
}

// Rejected counts one rejected row.
func (s *Sync) Rejected(r *pipeline.Rejection) {
	if s != nil {
		s.Rows.Rejected(r)
	}
}

// MatchKeys returns the counter of events of a name that carry a match key ("any", "email", "phone", "ttclid", "ip_ua").
// Event names are a closed list; a custom name counts as "custom".
func (s *Sync) MatchKeys(event, key string) prometheus.Counter {
	return s.m.matchKeys.WithLabelValues(s.sync, event, key)
}

// Batch counts a batch by how it ended: accepted, partial, rejected or dead_lettered.
func (s *Sync) Batch(result string) {
	if s != nil {
		s.m.batches.WithLabelValues(s.sync, s.sink, result).Inc()
	}
}

// Split counts a refused batch sent again in parts.
func (s *Sync) Split() {
	if s != nil {
		s.splits.Inc()
	}
}

// Call is a finished API call.
type Call struct {
	Endpoint string
	Items    int
	Answer   *pipeline.Answer
	At       time.Time
	Trace    string
}

// Call counts one finished API call.
func (s *Sync) Call(c Call) {
	if s == nil {
		return
	}
	s.items.Observe(float64(c.Items))
	s.m.requests.WithLabelValues(s.sync, s.sink, c.Endpoint, c.Answer.CodeText()).Inc()
	observe(s.m.requestSeconds.WithLabelValues(s.sync, s.sink, c.Endpoint), c.Answer.Duration, c.Trace)
	if v := c.Answer.Verdict; v == pipeline.Accepted || v == pipeline.Warned {
		s.m.lastSuccess.WithLabelValues(s.sync, s.sink).Set(unix(c.At))
	}
}

// Retry counts a call that will be sent again.
func (s *Sync) Retry(v pipeline.Verdict) {
	if s != nil {
		s.m.retries.WithLabelValues(s.sync, s.sink, v.String()).Inc()
	}
}

// BatchWait observes how long items waited for their call.
func (s *Sync) BatchWait(d time.Duration, trace string) {
	if s != nil {
		observe(s.wait, d, trace)
	}
}

// InFlight moves the number of calls under way.
func (s *Sync) InFlight(delta int) {
	if s != nil {
		s.inFlight.Add(float64(delta))
	}
}

// Queue says how many items wait, and how many may.
func (s *Sync) Queue(waiting, capacity int) {
	if s != nil {
		s.queue.Set(float64(waiting))
		s.m.capacity.WithLabelValues(s.sync, s.sink).Set(float64(capacity))
	}
}

// Limited adds the time a call waited for a limit.
func (s *Sync) Limited(d time.Duration) {
	if s != nil {
		s.limited.Add(d.Seconds())
	}
}

// observe gives the trace as the exemplar of its bucket, for those who scrape OpenMetrics.
func observe(h prometheus.Observer, d time.Duration, trace string) {
	if trace == "" {
		h.Observe(d.Seconds())
		return
	}
	h.(prometheus.ExemplarObserver).ObserveWithExemplar(d.Seconds(), prometheus.Labels{"trace_id": trace})
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
