package kafka

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// Metrics count what one sync's consumer does.
type Metrics struct {
	rows *metrics.Rows

	records, recordBytes *prometheus.CounterVec
	lost, moved          *prometheus.CounterVec
	repeated             prometheus.Counter
	rebalances, commits  *prometheus.CounterVec
	lastCommit           *prometheus.GaugeVec // no series before the first commit
	assigned, paused     *prometheus.GaugeVec
	perPartition         [3]*prometheus.GaugeVec // lagRecords, lagSeconds, openTransaction
}

// NewMetrics makes them in reg, which names the sync; nil publishes none.
func NewMetrics(reg prometheus.Registerer, rows *metrics.Rows) *Metrics {
	return &Metrics{
		rows:        rows,
		records:     metrics.Counter(reg, "records_total", "Kafka records handed to a sync.", "topic"),
		recordBytes: metrics.Counter(reg, "record_bytes_total", "Bytes of keys and values of those records.", "topic"),
		lost:        metrics.Counter(reg, "records_lost_total", "Offsets that Kafka's retention removed before the sync had read them.", "topic"),
		moved:       metrics.Counter(reg, "position_moves_total", "Partitions whose position Kafka no longer had and that went on elsewhere, by reason: below_start (retention removed it), beyond_end (the log is shorter), topic_again (the topic was deleted and created again).", "topic", "reason"),
		repeated:    metrics.Counter(reg, "records_repeated_total", "Records that settled in a partition that was given up before their offset was committed: its next reader sends them again.").WithLabelValues(),
		rebalances:  metrics.Counter(reg, "rebalances_total", "Assignments, revocations and losses of partitions.", "kind"),
		commits:     metrics.Counter(reg, "commits_total", "Offset commits, by result.", "result"),
		lastCommit:  metrics.Gauge(reg, "last_commit_timestamp_seconds", "When offsets were last committed."),
		assigned:    metrics.Gauge(reg, "partitions_assigned", "Partitions this instance reads.", "topic"),
		paused:      metrics.Gauge(reg, "partitions_paused", "Partitions whose fetching is held back, by reason.", "reason"),
		perPartition: [3]*prometheus.GaugeVec{
			metrics.Gauge(reg, "consumer_lag_records", "Records between the committed offset and the end of what can be read of the partition; what is behind an open transaction cannot be read, and does not count.", "topic", "partition"),
			metrics.Gauge(reg, "consumer_lag_seconds", "Age of the oldest record of the partition that has not settled; 0 when caught up, also where an open transaction holds all the rest.", "topic", "partition"),
			metrics.Gauge(reg, "open_transaction_seconds", "For how long an open transaction has held the partition at one offset, counted before the first minute has passed; 0: none does.", "topic", "partition"),
		},
	}
}

// begin makes the series of a member of a group, at 0. Topics are those whose names are known.
func (m *Metrics) begin(topics []string) {
	for _, t := range topics {
		m.records.WithLabelValues(t)
		m.recordBytes.WithLabelValues(t)
		m.lost.WithLabelValues(t)
		for _, why := range []string{movedBelowStart, movedBeyondEnd, movedTopicAgain} {
			m.moved.WithLabelValues(t, why)
		}
		m.assigned.WithLabelValues(t)
	}
	for _, kind := range []string{"assigned", "revoked", "lost"} {
		m.rebalances.WithLabelValues(kind)
	}
	for _, result := range []string{"ok", "failed"} {
		m.commits.WithLabelValues(result)
	}
	m.paused.WithLabelValues(pauseReason)
}

// handedOut counts a chunk's records and their bytes.
func (m *Metrics) handedOut(topic string, n, bytes int) {
	m.records.WithLabelValues(topic).Add(float64(n))
	m.recordBytes.WithLabelValues(topic).Add(float64(bytes))
	m.rows.Read(n)
}

// committed counts a commit.
func (m *Metrics) committed(ok bool) {
	if !ok {
		m.commits.WithLabelValues("failed").Inc()
		return
	}
	m.commits.WithLabelValues("ok").Inc()
	metrics.SetTime(m.lastCommit.WithLabelValues(), time.Now())
}

// partition shows how far behind a partition is, and for how long an open transaction has held it.
func (m *Metrics) partition(p *partition, records int64, age, open time.Duration) {
	for i, value := range []float64{float64(records), age.Seconds(), open.Seconds()} {
		m.perPartition[i].WithLabelValues(p.topic, strconv.Itoa(int(p.id))).Set(value)
	}
}

// Behind shows how far behind a partition is that the sync's rows go through after the Consumer has read them.
func (m *Metrics) Behind(topic string, partition int32, records int64, age time.Duration) {
	for i, value := range []float64{float64(records), age.Seconds()} {
		m.perPartition[i].WithLabelValues(topic, strconv.Itoa(int(partition))).Set(value)
	}
}

// Forget drops the series that Behind has made.
func (m *Metrics) Forget(topic string, partition int32) {
	for _, of := range m.perPartition {
		of.DeleteLabelValues(topic, strconv.Itoa(int(partition)))
	}
}

// forget drops the series of a partition this instance no longer reads.
func (m *Metrics) forget(p *partition) {
	for _, of := range m.perPartition {
		of.DeleteLabelValues(p.topic, strconv.Itoa(int(p.id)))
	}
}
