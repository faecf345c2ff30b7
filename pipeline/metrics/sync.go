package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Sync is one sync's metrics. All methods may be called from several goroutines. A nil *Sync counts nothing, so that
// tests and preview need none.
type Sync struct {
	m          *Metrics
	sync, sink string

	rows      [5]prometheus.Counter
	settled   [4]prometheus.Counter
	unsettled prometheus.Gauge
	late      prometheus.Counter
	splits    prometheus.Counter
	items     prometheus.Observer
	wait      prometheus.Observer
	delay     prometheus.Observer
	decode    prometheus.Observer
	inFlight  prometheus.Gauge
	queue     prometheus.Gauge
	limited   prometheus.Counter
	dlqTime   prometheus.Observer
}

func (s *Sync) bind() {
	for _, op := range pipeline.Ops {
		s.rows[op] = s.m.rows.WithLabelValues(s.sync, op.String())
	}
	for _, o := range pipeline.Outcomes {
		s.settled[o] = s.m.settled.WithLabelValues(s.sync, o.String())
	}
	s.unsettled = s.m.unsettled.WithLabelValues(s.sync)
	s.late = s.m.late.WithLabelValues(s.sync)
	s.splits = s.m.splits.WithLabelValues(s.sync, s.sink)
	s.items = s.m.batchEvents.WithLabelValues(s.sync, s.sink)
	s.wait = s.m.batchWait.WithLabelValues(s.sync, s.sink)
	s.decode = s.m.decodeSeconds.WithLabelValues(s.sync)
	s.delay = s.m.sourceDelay.WithLabelValues(s.sync)
	s.inFlight = s.m.inFlight.WithLabelValues(s.sync, s.sink)
	s.queue = s.m.queue.WithLabelValues(s.sync, s.sink)
	s.limited = s.m.limited.WithLabelValues(s.sync, s.sink)
	s.dlqTime = s.m.deadSeconds.WithLabelValues(s.sync)
	s.m.lastSuccess.WithLabelValues(s.sync, s.sink)
}

// Records counts a handed-out chunk: its records and bytes become unsettled.
func (s *Sync) Records(topic string, n, bytes int) {
	if s == nil {
		return
	}
	s.m.records.WithLabelValues(s.sync, topic).Add(float64(n))
	s.m.recordBytes.WithLabelValues(s.sync, topic).Add(float64(bytes))
	s.unsettled.Add(float64(n))
}

// Forgot takes n records back that will be read again: their partition was revoked before they settled.
func (s *Sync) Forgot(n int) {
	if s != nil {
		s.unsettled.Sub(float64(n))
	}
}

// Lost counts offsets that retention removed before they were read.
func (s *Sync) Lost(topic string, offsets int64) {
	if s != nil {
		s.m.lost.WithLabelValues(s.sync, topic).Add(float64(offsets))
	}
}

// Moved counts a partition whose position Kafka no longer has, and that goes on elsewhere; why is one of moveReasons.
func (s *Sync) Moved(topic, why string) {
	if s != nil {
		s.m.moved.WithLabelValues(s.sync, topic, why).Inc()
	}
}

// Repeated counts records that settled and whose offset nobody may commit any more.
func (s *Sync) Repeated(n int) {
	if s != nil {
		s.late.Add(float64(n))
	}
}

// Rows counts decoded rows of one operation.
func (s *Sync) Rows(op pipeline.Op, n int) {
	if s != nil {
		s.rows[op].Add(float64(n))
	}
}

// Skipped counts rows knowingly not sent.
func (s *Sync) Skipped(reason pipeline.SkipReason, n int) {
	if s != nil {
		s.m.skipped.WithLabelValues(s.sync, string(reason)).Add(float64(n))
	}
}

// Rejected counts one rejected row.
func (s *Sync) Rejected(r *pipeline.Rejection) {
	if s != nil {
		s.m.rejected.WithLabelValues(s.sync, string(r.Class()), string(r.Stage), string(r.Reason)).Inc()
	}
}

// Settled counts rows that ended.
func (s *Sync) Settled(o pipeline.Outcome, n int) {
	if s != nil {
		s.settled[o].Add(float64(n))
		s.unsettled.Sub(float64(n))
	}
}

// DecodeTime observes how long a chunk took through the steps.
func (s *Sync) DecodeTime(d time.Duration, trace string) {
	if s != nil {
		observe(s.decode, d, trace)
	}
}

// SourceDelay observes how long a change took from the database to its settling. trace, here and below, is the id of a
// trace to give as an example; "" for none.
func (s *Sync) SourceDelay(d time.Duration, trace string) {
	if s != nil {
		observe(s.delay, d, trace)
	}
}

// Items counts items made; kind is event, add or delete.
func (s *Sync) Items(kind string, n int) {
	if s != nil {
		s.m.items.WithLabelValues(s.sync, kind).Add(float64(n))
	}
}

// ItemCounter is what Items counts in, for the row path.
func (s *Sync) ItemCounter(kind string) prometheus.Counter {
	return s.m.items.WithLabelValues(s.sync, kind)
}

// MatchKeys returns the counter of events of a name that carry a match key ("any", "email", "phone", "ttclid", "ip_ua").
// Event names are a closed list; a custom name counts as "custom".
func (s *Sync) MatchKeys(event, key string) prometheus.Counter {
	return s.m.matchKeys.WithLabelValues(s.sync, event, key)
}

// Lag says how far behind a partition is.
func (s *Sync) Lag(topic string, partition int32, records int64, age time.Duration) {
	if s == nil {
		return
	}
	p := strconv.Itoa(int(partition))
	s.m.lagRecords.WithLabelValues(s.sync, topic, p).Set(float64(records))
	s.m.lagSeconds.WithLabelValues(s.sync, topic, p).Set(age.Seconds())
}

// OpenTransaction says for how long an open transaction has held a partition.
func (s *Sync) OpenTransaction(topic string, partition int32, d time.Duration) {
	if s != nil {
		s.m.openTransaction.WithLabelValues(s.sync, topic, strconv.Itoa(int(partition))).Set(d.Seconds())
	}
}

// ForgetPartition drops the series of a partition this instance no longer reads.
func (s *Sync) ForgetPartition(topic string, partition int32) {
	if s == nil {
		return
	}
	p := strconv.Itoa(int(partition))
	s.m.lagRecords.DeleteLabelValues(s.sync, topic, p)
	s.m.lagSeconds.DeleteLabelValues(s.sync, topic, p)
	s.m.openTransaction.DeleteLabelValues(s.sync, topic, p)
}

// Assigned says how many partitions of a topic this instance reads.
func (s *Sync) Assigned(topic string, n int) {
	if s != nil {
		s.m.assigned.WithLabelValues(s.sync, topic).Set(float64(n))
	}
}

// Paused says how many partitions are held back for a reason.
func (s *Sync) Paused(reason string, n int) {
	if s != nil {
		s.m.paused.WithLabelValues(s.sync, reason).Set(float64(n))
	}
}

// Rebalance counts one; kind is assigned, revoked or lost.
func (s *Sync) Rebalance(kind string) {
	if s != nil {
		s.m.rebalances.WithLabelValues(s.sync, kind).Inc()
	}
}

// Commit counts one commit and when it succeeded.
func (s *Sync) Commit(ok bool, at time.Time) {
	switch {
	case s == nil:
	case ok:
		s.m.commits.WithLabelValues(s.sync, "ok").Inc()
		s.m.lastCommit.WithLabelValues(s.sync).Set(unix(at))
	default:
		s.m.commits.WithLabelValues(s.sync, "failed").Inc()
	}
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
	s.m.requests.WithLabelValues(s.sync, s.sink, c.Endpoint, c.Answer.CodeLabel()).Inc()
	observe(s.m.requestSeconds.WithLabelValues(s.sync, s.sink, c.Endpoint), c.Answer.Duration, c.Trace)
	if c.Answer.IsAccepted() {
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

// DeadLetter counts a dead letter that Kafka acknowledged.
func (s *Sync) DeadLetter(topic string, reason pipeline.Reason) {
	if s != nil {
		s.m.deadLetters.WithLabelValues(s.sync, topic, string(reason)).Inc()
	}
}

// DeadLetterError counts a dead letter that Kafka did not take.
func (s *Sync) DeadLetterError(topic string) {
	if s != nil {
		s.m.deadErrors.WithLabelValues(s.sync, topic).Inc()
	}
}

// DeadLetterTime observes how long dead letters took to be acknowledged.
func (s *Sync) DeadLetterTime(d time.Duration, trace string) {
	if s != nil {
		observe(s.dlqTime, d, trace)
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
