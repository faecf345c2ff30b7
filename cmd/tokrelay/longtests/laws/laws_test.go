//go:build synctests

package laws

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/pipeline"
)

var flags = virtual.NewFlags()

const configText = `
kafka: {brokers: ["localhost:9092"], group: law, session_timeout: %ds, revoke_drain: %ds, protocol: %s, budget: 1MiB}
schema_registry: {folder: "${FOLDER}", missing_retry: 1s}
connections: {main: {access_token: sandbox-token, calls_in_flight: %d, timeout: %ds}}
dead_letter: {rejected_topic: law.rejected, failed_topic: law.failed}
syncs:
  - name: orders
    topic: shop.public.orders
    when: after.status != "pending"
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: {column: status, map: {paid: Purchase}}
      event_id: {column: order_uid}
      fields:
        event_time: occurred_at
        user.email: email
        user.external_id: customer_id
        page.url: page_url
        properties.value: amount
        properties.currency: currency
      batch: {max_events: %d, linger: %dms}
    retry: {attempts: 1000}
`

// randomConfig is a sync of random temper. It gives nothing up: a row that failed as often as the attempts allow, while
// others got through, would rightly be a dead letter, and no fate foresees it. The delivery model looks after that.
func randomConfig(r *rand.Rand) string {
	protocol := []string{"classic", "next_gen"}[r.IntN(2)]
	call := 5 + r.IntN(25)
	return fmt.Sprintf(configText, 6+r.IntN(10), call+5+r.IntN(10), protocol, 1+r.IntN(8), call, 1+r.IntN(1<<r.IntN(8)), r.IntN(2)*r.IntN(500))
}

// The laws, whatever happens: every row that Kafka still has settles and none is lost, whatever became of its topic,
// partition, transaction or group; no good row is dead-lettered, every bad one is, for its reason, and none as refused before TikTok accepted something that was
// sent after its first refusal; commits pass no unsettled
// row; what TikTok holds, repeats dropped, is the good rows; what was counted as read was counted as settled or read again;
// what is counted as lost was lost; when all is done nothing is behind; and a replay finds every dead letter.
func TestWhateverHappensEveryRowSettlesOnceAndRightly(t *testing.T) {
	flags.Each(t, 30, func(t *testing.T, r *rand.Rand, log *virtual.Logs) {
		w := newWorld(t, r, log, randomConfig(r), 1+r.Int32N(6))
		defer w.end()
		w.begin()
		if !w.misnames {
			w.annoy(accident)
		}
		for range 2 + r.IntN(8) {
			w.stir()
			<-time.After(time.Duration(r.IntN(1<<(4+r.IntN(10)))) * time.Millisecond)
		}
		w.quiet()
		w.settle()
		w.part()
		w.judge()
		w.replay()
		if t.Failed() {
			t.Logf("trouble %+v, topic made again %d times", w.trouble, w.watch.made)
			t.Logf("TikTok refused: %+v; faults %+v", w.tiktok.Stats().Refusals, w.tiktok.Faults())
			t.Logf("partitions %d, configuration:%s", w.partitions, w.config)
			t.Logf("log:\n%s", log.Tail())
		}
	})
}

// begin starts the first member. Some syncs begin with what is written after their first start: nothing later may be left
// out.
func (w *world) begin() {
	if w.rand.IntN(3) > 0 {
		w.produce(1 + w.rand.IntN(200))
		w.join()
		return
	}
	w.config = strings.Replace(w.config, "    topic: "+topic+"\n", "    topic: "+topic+"\n    start: latest\n", 1)
	w.join()
	<-time.After(time.Minute)
	w.produce(1 + w.rand.IntN(200))
}

// judge holds the world against the rows' fates.
func (w *world) judge() {
	w.Helper()
	taken, written := w.taken(), w.letters()
	good := map[string]bool{}
	for at, f := range w.watch.fates {
		reasons := written[f.key]
		switch {
		case f.outcome == pipeline.Delivered:
			if good[f.id] = true; taken[f.id] != 1 && !f.maybe {
				w.Errorf("%+v: TikTok has the good row %d times, want once", at, taken[f.id])
			}
		case taken[f.id] > 0:
			w.Errorf("%+v: TikTok has a row that is to be %v", at, f.outcome)
		}
		if (f.outcome == pipeline.DeadLettered) != (len(reasons) > 0) && !(f.maybe && f.outcome == pipeline.DeadLettered) {
			w.Errorf("%+v: %d dead letters %v of a row that is to be %v", at, len(reasons), reasons, f.outcome)
		}
		for _, reason := range reasons {
			if reason != f.reason && !(f.poison && reason == pipeline.BatchRefused) { // all rows of its batch were poison
				w.Errorf("%+v: dead letter for %s, want %s", at, reason, f.reason)
			}
		}
	}
	for id := range taken {
		if !good[id] {
			w.Errorf("TikTok has an event %q that is none of the good rows", id)
		}
	}
	w.count(taken, written)
	w.told()
	w.audit()
}

// audit holds the members' counters against each other: at rest nothing is unsettled, and rows are counted as settled
// once at most; once, where no partition has moved.
func (w *world) audit() {
	for _, m := range w.members {
		c, err := m.Wiring.Metrics.Counts("orders")
		if err != nil {
			w.Fatal(err)
		}
		settled := int64(0)
		for _, n := range c.Settled {
			settled += n
		}
		if c.Unsettled != 0 || settled > c.Records {
			w.Errorf("%s: %d records, %d settled, %d unsettled", m.Name, c.Records, settled, c.Unsettled)
		}
		if !w.moved && settled != c.Records {
			w.Errorf("%s, undisturbed: %d records, %d settled", m.Name, c.Records, settled)
		}
	}
}

// letters reads the rejected topic.
func (w *world) letters() map[string][]pipeline.Reason {
	w.Helper()
	end := int64(0)
	for _, p := range w.broker.PartitionInfos(rejected) {
		end += p.HighWatermark
	}
	reader, err := virtual.NewClient(&w.net, w.broker, kgo.ConsumeTopics(rejected))
	if err != nil {
		w.Fatal(err)
	}
	defer reader.Close()
	all := map[string][]pipeline.Reason{}
	for read := int64(0); read < end; {
		fetches := reader.PollFetches(w.Context())
		if err := fetches.Err(); err != nil {
			w.Fatal(err)
		}
		for _, r := range fetches.Records() {
			read++
			if l, ok := letterIn(r); ok {
				all[l.key] = append(all[l.key], l.reason)
			}
		}
	}
	return all
}
