package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

const metricsPage = "../docs/operations/metrics.md"

const metricsHead = `# Metrics

Every metric at ` + "`/metrics`" + `, written from the code; a test keeps this page equal to it. Beside them are Go's (` + "`go_…`" + `) and the process's
(` + "`process_…`" + `). Labels are bounded: a name from the configuration, a topic, a partition, or a word of a closed list. Nothing of a row is ever a label.

Counters with a closed list of labels exist from the start, at 0, so that ` + "`rate()`" + ` and alerts see the first increase. What cannot be known before has
no series yet: calls with a code other than 0, an audience before TikTok first spoke of it. ` + "`tokrelay_rows_rejected_total`" + ` begins with the step that usually rejects
for a reason; ` + "`tokrelay_rows_settled_total{outcome=\"dead_lettered\"}`" + ` misses none.

The law of a sync at rest: ` + "`tokrelay_records_total = tokrelay_rows_settled_total + tokrelay_unsettled_records`" + `, labels summed.

**Rows behind an open transaction** are no lag, neither in records nor in seconds, from the moment it begins. ` + "`tokrelay_open_transaction_seconds`" + ` begins to count
within 45 seconds; after five minutes the sync is in trouble ([TokrelayHeldUp](alerts.md#tokrelayheldup)) and the log names the partition. One thing counts as
lag until then: aborted rows right before the open transaction, for those 45 seconds at most.

| metric | type | labels | meaning | when to worry |
|---|---|---|---|---|
`

const metricsTail = `
## The Kafka client's own

franz-go counts for every client: each sync's ` + "`consumer`" + `, and ` + "`dead-letters`" + `, ` + "`dead-letters-large`" + ` (records that fit no usual batch) and ` + "`admin`" + `, which all syncs share
(` + "`sync=\"\"`" + `). Labels are ` + "`client`" + `, ` + "`sync`" + ` and, of the bytes fetched and produced, ` + "`topic`" + `; never a broker. A series appears with its first event.

- ` + "`tokrelay_kafka_connects_total`, `tokrelay_kafka_disconnects_total`, `tokrelay_kafka_connect_errors_total`" + `: connections. Errors that go on: a broker is away, or refuses us.
- ` + "`tokrelay_kafka_read_bytes_total`, `tokrelay_kafka_write_bytes_total`, `tokrelay_kafka_read_errors_total`, `tokrelay_kafka_write_errors_total`" + `: what goes over the wire.
- ` + "`tokrelay_kafka_fetch_compressed_bytes_total`, `tokrelay_kafka_produce_compressed_bytes_total`" + `: record batches, by topic.
- ` + "`tokrelay_kafka_buffered_fetch_bytes`, `tokrelay_kafka_buffered_produce_bytes`" + `: what the client holds now.
`

// worries say when a metric that no alert watches should worry someone, or more than its alerts say.
var worries = map[string]string{
	"tokrelay_event_redacted_total":                   "any: the source puts addresses or numbers into fields that are sent in clear; they are masked, but belong taken out there",
	"tokrelay_event_ids_found_total":                  "none, though visitors come from TikTok's ads: the URL has lost its parameters",
	"tokrelay_event_name_near_misses_total":           "any: TikTok counts them as events of your own; map the name in `event.map`",
	"tokrelay_event_private_addresses_total":          "as many as events: the column holds the address of a proxy",
	"tokrelay_events_counted_timestamp_seconds":       "a day old, or 0: TikTok's statistics cannot be read; the log says why",
	"tokrelay_records_total":                          "none for long, though the source changes",
	"tokrelay_record_bytes_total":                     "grows faster than records: larger rows need more memory",
	"tokrelay_records_repeated_total":                 "more than a few chunks at each rebalance: raise `kafka.revoke_drain`",
	"tokrelay_position_moves_total":                   "any: the log has partition and offsets. `beyond_end`: Kafka lost records; `topic_again`: rows of the old topic that were not read are gone",
	"tokrelay_open_transaction_seconds":               "more than 300: the log names the partition; see [TokrelayHeldUp](alerts.md#tokrelayheldup)",
	"tokrelay_last_commit_timestamp_seconds":          "minutes old while rows settle",
	"tokrelay_rows_total":                             "operations you did not expect, such as snapshot after a connector's restart",
	"tokrelay_rows_skipped_total":                     "`filtered`, `event_not_mapped` or `record_type` rises after a change of the source; the reasons are in [reasons.md](reasons.md#why-rows-are-skipped)",
	"tokrelay_rows_rejected_total":                    "any; the reasons are in [reasons.md](reasons.md)",
	"tokrelay_decode_seconds":                         "far above 10 ms while nothing is in trouble: the CPU is short, or goavro decodes alone",
	"tokrelay_items_total":                            "falls while rows are read: they are skipped or rejected",
	"tokrelay_schema_cache_entries":                   "near `schema_registry.cache_size`: schemas are asked for again and again",
	"tokrelay_schema_fetch_seconds":                   "seconds: new schemas hold rows up",
	"tokrelay_batches_split_total":                    "a lasting rate: rows TikTok refuses that our checks let pass",
	"tokrelay_batch_events":                           "near 1 while the sync lags: `batch.max_events` or `linger` is too small",
	"tokrelay_batch_wait_seconds":                     "more than `linger` and a call's time: limits or calls in flight are the bottleneck",
	"tokrelay_http_request_seconds":                   "p99 near `connections.*.timeout`",
	"tokrelay_http_in_flight":                         "stays at `calls_in_flight` while the sync lags: raise it, or TikTok is slow",
	"tokrelay_calls_topic_total":                      "`dropped` rises: the history of calls has gaps, deliveries are not touched",
	"tokrelay_retries_total":                          "a lasting rate",
	"tokrelay_rate_limited_seconds_total":             "rises while the sync lags: the limit is the bottleneck",
	"tokrelay_queue_events":                           "at its capacity: back-pressure, see lag",
	"tokrelay_limit_share":                            "the sum over instances above 1 for longer than a rebalance: they send more than `limits`",
	"tokrelay_queue_events_capacity":                  "never; it is for comparison",
	"tokrelay_dlq_produce_seconds":                    "seconds: rejected rows settle slowly",
	"tokrelay_audience_last_upload_timestamp_seconds": "older than the schedule's pace; unchanged audiences are not uploaded",
	"tokrelay_audience_rows":                          "a sudden step",
	"tokrelay_audience_upload_seconds":                "hours",
	"tokrelay_audience_read_records":                  "does not move while a run is under way",
	"tokrelay_audience_read_offsets":                  "never; it is for comparison",
	"tokrelay_audience_rows_remembered":               "the sum over instances far from the number of members and rejected rows; one instance has far more than its share",
	"tokrelay_audience_memory_bytes":                  "near the instance's memory: more instances share it",
	"tokrelay_audience_digests_waiting":               "stays at 100000 and more: TikTok takes less than comes, or is away",
	"tokrelay_audience_restore_seconds":               "minutes: partitions are not worked on for so long when instances come and go",
	"tokrelay_audience_transactions_total":            "`aborted` at a lasting rate: see the log",
	"tokrelay_build_info":                             "two versions",
	"tokrelay_config_info":                            "two hashes: an instance runs another configuration",
}

// watchers are the alerts that look at a metric, by metric; recorded metrics stand for what they are made of.
func watchers(t *testing.T) map[string][]string {
	made := map[string][]string{}
	for _, r := range rules(t) {
		if r.Record != "" {
			made[r.Record] = bases(r.Expr, nil)
		}
	}
	by := map[string][]string{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		_, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
		link := fmt.Sprintf("[%s](alerts.md#%s)", r.Alert, anchor)
		for _, name := range bases(r.Expr, made) {
			if !slices.Contains(by[name], link) {
				by[name] = append(by[name], link)
			}
		}
	}
	return by
}

func bases(expr string, made map[string][]string) (names []string) {
	for _, u := range metricsOf(expr) {
		if from, ok := made[u.name]; ok {
			names = append(names, from...)
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			u.name = strings.TrimSuffix(u.name, suffix)
		}
		names = append(names, u.name)
	}
	return names
}

func TestTheMetricsPageIsUpToDate(t *testing.T) {
	metrics, by := all(t), watchers(t)
	var b strings.Builder
	b.WriteString(metricsHead)
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		e := metrics[name]
		if !strings.HasPrefix(name, "tokrelay_") {
			continue
		}
		worry := strings.Join(slices.Concat(nonEmpty(worries[name]), by[name]), "; ")
		if worry == "" {
			t.Errorf("%s: nobody says when to worry", name)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", name, e.kind, strings.Join(e.labels, ", "), strings.TrimSuffix(e.help, "."), worry)
	}
	b.WriteString(metricsTail)
	if *update {
		if err := os.WriteFile(metricsPage, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, metricsPage) != b.String() {
		t.Errorf("%s is not what the code says; run go test ./deploy -run MetricsPage -update", metricsPage)
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func TestNoWorryIsAboutAMetricThatIsGone(t *testing.T) {
	metrics := all(t)
	for name := range worries {
		if _, ok := metrics[name]; !ok {
			t.Errorf("%s is not exported any more", name)
		}
	}
}

func TestMetricsAreNamedAsTheConventionWants(t *testing.T) {
	problems, err := promlint.NewWithMetricFamilies(families(t, idle(t), busy())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "tokrelay_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
