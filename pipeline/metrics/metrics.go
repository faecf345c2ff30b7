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

	syncs []string // bound before anything is served

	records, recordBytes         *prometheus.CounterVec
	lagRecords, lagSeconds       *prometheus.GaugeVec
	sourceDelay                  *prometheus.HistogramVec
	assigned, paused             *prometheus.GaugeVec
	rebalances, commits          *prometheus.CounterVec
	lastCommit                   *prometheus.GaugeVec
	rows, skipped, rejected      *prometheus.CounterVec
	settled                      *prometheus.CounterVec
	decodeSeconds                *prometheus.HistogramVec
	lost, late, moved            *prometheus.CounterVec
	openTransaction              *prometheus.GaugeVec
	unsettled                    *prometheus.GaugeVec
	items                        *prometheus.CounterVec
	batches, splits              *prometheus.CounterVec
	batchEvents, batchWait       *prometheus.HistogramVec
	requests, retries            *prometheus.CounterVec
	requestSeconds               *prometheus.HistogramVec
	inFlight, queue, capacity    *prometheus.GaugeVec
	limited                      *prometheus.CounterVec
	lastSuccess                  *prometheus.GaugeVec
	deadLetters, deadErrors      *prometheus.CounterVec
	deadSeconds                  *prometheus.HistogramVec
	matchKeys                    *prometheus.CounterVec
	audienceRows, belowMinimum   *prometheus.GaugeVec
	audienceUploads              *prometheus.CounterVec
	audienceLast                 *prometheus.GaugeVec
	audienceSeconds              *prometheus.HistogramVec
	audienceRead, audienceTotal  *prometheus.GaugeVec
	audienceSize, audienceValid  *prometheus.GaugeVec
	audienceExpiry, memberStates *prometheus.GaugeVec
	memberRestore                *prometheus.GaugeVec
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
	m.intake()
	m.rowMetrics()
	m.delivery()
	m.audiences()
	return m
}

func (m *Metrics) intake() {
	m.records = m.counter("records_total", "Kafka records handed to a sync.", "sync", "topic")
	m.recordBytes = m.counter("record_bytes_total", "Bytes of keys and values of those records.", "sync", "topic")
	m.lagRecords = m.gauge("consumer_lag_records", "Records between the committed offset and the end of what can be read of the partition; what is behind an open transaction cannot be read, and does not count.", "sync", "topic", "partition")
	m.lagSeconds = m.gauge("consumer_lag_seconds", "Age of the oldest record of the partition that has not settled; 0 when caught up, also where an open transaction holds all the rest.", "sync", "topic", "partition")
	m.sourceDelay = m.histogram("source_delay_seconds", "Time from the change in the database to its settling.", delays, "sync")
	m.lost = m.counter("records_lost_total", "Offsets that Kafka's retention removed before the sync had read them.", "sync", "topic")
	m.moved = m.counter("position_moves_total", "Partitions whose position Kafka no longer had and that went on elsewhere, by reason: below_start (retention removed it), beyond_end (the log is shorter), topic_again (the topic was deleted and created again).", "sync", "topic", "reason")
	m.openTransaction = m.gauge("open_transaction_seconds", "For how long an open transaction has held the partition at one offset, counted before the first minute has passed; 0: none does.", "sync", "topic", "partition")
	m.late = m.counter("records_repeated_total", "Records that settled in a partition that was given up before their offset was committed: its next reader sends them again.", "sync")
	m.assigned = m.gauge("partitions_assigned", "Partitions this instance reads.", "sync", "topic")
	m.paused = m.gauge("partitions_paused", "Partitions whose fetching is held back, by reason.", "sync", "reason")
	m.rebalances = m.counter("rebalances_total", "Assignments, revocations and losses of partitions.", "sync", "kind")
	m.commits = m.counter("commits_total", "Offset commits, by result.", "sync", "result")
	m.lastCommit = m.gauge("last_commit_timestamp_seconds", "When offsets were last committed.", "sync")
}

func (m *Metrics) rowMetrics() {
	m.rows = m.counter("rows_total", "Rows decoded, by operation.", "sync", "op")
	m.skipped = m.counter("rows_skipped_total", "Rows knowingly not sent, by reason.", "sync", "reason")
	m.rejected = m.counter("rows_rejected_total", "Rows rejected, by class, stage and reason.", "sync", "class", "stage", "reason")
	m.settled = m.counter("rows_settled_total", "Records settled, by outcome.", "sync", "outcome")
	m.unsettled = m.gauge("unsettled_records", "Records read and not yet settled.", "sync")
	m.items = m.counter("items_total", "Items made of rows: events, additions, deletions.", "sync", "kind")
	m.decodeSeconds = m.histogram("decode_seconds", "Time to decode and map a chunk of up to 1000 records and to make its items; waits for trouble count.", seconds, "sync")
	m.matchKeys = m.counter("event_match_keys_total", "Events with a match key, by event name; key \"any\" counts all events.", "sync", "event", "key")
	m.deadLetters = m.counter("dlq_records_total", "Dead letters acknowledged by Kafka.", "sync", "topic", "reason")
	m.deadErrors = m.counter("dlq_produce_errors_total", "Dead letters that Kafka did not take at once.", "sync", "topic")
	m.deadSeconds = m.histogram("dlq_produce_seconds", "Time until dead letters were acknowledged.", seconds, "sync")
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

func (m *Metrics) audiences() {
	m.audienceRows = m.gauge("audience_rows", "Members in the last file upload.", "sync", "audience")
	m.audienceUploads = m.counter("audience_uploads_total", "File uploads, by result.", "sync", "result")
	m.audienceLast = m.gauge("audience_last_upload_timestamp_seconds", "When an upload was last accepted.", "sync")
	m.audienceSeconds = m.histogram("audience_upload_seconds", "Time of one whole upload.", delays, "sync")
	m.belowMinimum = m.gauge("audience_below_minimum", "1 while the audience has fewer members than TikTok uses.", "sync")
	m.audienceRead = m.gauge("audience_read_records", "Records that the run under way has read for a file audience.", "sync")
	m.audienceTotal = m.gauge("audience_read_offsets", "Offsets that run has to read; compaction may have left fewer records.", "sync")
	m.audienceSize = m.gauge("audience_covered", "Members TikTok reports as matched.", "sync", "audience")
	m.audienceValid = m.gauge("audience_valid", "1 while TikTok reports the audience as usable.", "sync", "audience")
	m.audienceExpiry = m.gauge("audience_expiry_timestamp_seconds", "When TikTok lets the audience expire.", "sync", "audience")
	m.memberStates = m.gauge("member_state_entries", "Members remembered by digest.", "sync")
	m.memberRestore = m.gauge("member_state_restore_seconds", "Time the last restore of member state took.", "sync")
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

// Build publishes version, commit and Go version as tokrelay_build_info 1.
func (m *Metrics) Build(version, commit, goVersion string) {
	m.gauge("build_info", "Version of the binary.", "version", "commit", "go").WithLabelValues(version, commit, goVersion).Set(1)
}

// Config publishes the configuration's hash as tokrelay_config_info 1.
func (m *Metrics) Config(hash string) {
	m.gauge("config_info", "Hash of the effective configuration.", "hash").WithLabelValues(hash).Set(1)
}

// KafkaClient is where a Kafka client registers metrics of its own: they carry the client's name and its sync, "" for a
// client that all syncs share. No two clients of a process may have both in common.
func (m *Metrics) KafkaClient(client, sync string) prometheus.Registerer {
	return lintClean{prometheus.WrapRegistererWith(prometheus.Labels{"client": client, "sync": sync}, m.Registry)}
}
