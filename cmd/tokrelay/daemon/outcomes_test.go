package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const endsText = `
kafka: {brokers: ["${BROKER}"], group: shop}
schema_registry: {url: "${REGISTRY}"}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
outcomes:
  enabled: ${OUTCOMES}
syncs:
  - name: orders
    topic: orders
    framing: json
    missing_column: "null"
    when: after.kind != "test"
    rejected_share: {share: 100%}
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, event_id: {column: id},
      fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}
  - name: members
    topic: orders
    framing: json
    missing_column: "null"
    rejected_share: {share: 100%}
    audience_segment: {audience: {name: Members}, identifiers: {EMAIL_SHA256: email}}
`

// endsWorld is a broker, a registry and a TikTok.
type endsWorld struct {
	t        *testing.T
	cluster  *kfake.Cluster
	registry *srfake.Registry
	tiktok   *sandbox.Sandbox
	url      string
	rows     map[int64]string // by offset: good, bad or test
}

func newEndsWorld(t *testing.T) *endsWorld {
	t.Helper()
	t.Parallel()
	w := &endsWorld{t: t, registry: srfake.New(), tiktok: sandbox.New(sandbox.Config{}), rows: map[int64]string{}}
	t.Cleanup(w.registry.Close)
	server := httptest.NewServer(http.HandlerFunc(w.tiktok.ServeHTTP))
	t.Cleanup(server.Close)
	w.url = server.URL
	var err error
	if w.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.cluster.Close)
	return w
}

// produce writes rows of a kind.
func (w *endsWorld) produce(kind string, n int) {
	for range n {
		at := int64(len(w.rows))
		w.rows[at] = kind
		email := map[string]string{"good": fmt.Sprintf("ada%d@example.com", at), "refused": fmt.Sprintf("ada%d@example.com", at), "bad": "nobody", "test": "x@example.com"}[kind]
		if kind == "refused" {
			w.tiktok.AddFault(sandbox.Fault{ID: fmt.Sprintf("e%d", at), Code: 40002, Message: sandbox.RowMessage})
		}
		produceJSON(w.t, w.cluster, "orders", fmt.Sprint(at), fmt.Sprintf(`{"id":"e%d","at":%q,"email":%q,"kind":%q}`, at, time.Now().UTC().Format(time.RFC3339), email, kind))
	}
}

func (w *endsWorld) config(enabled bool) *Config {
	c, report := Parse([]byte(endsText), settings.Vars(map[string]string{"BROKER": w.cluster.ListenAddrs()[0], "REGISTRY": w.registry.URL(),
		"TOKEN": sandbox.DefaultToken, "TIKTOK": w.url, "OUTCOMES": fmt.Sprint(enabled)}))
	if err := report.Err(); err != nil {
		w.t.Fatal(err)
	}
	return c
}

// start runs a daemon until what it returns is called.
func (w *endsWorld) start(enabled bool) (*Daemon, func()) {
	d, err := New(w.config(enabled), Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return d, func() {
		stop()
		<-ended
	}
}

// read are the outcomes of a sync's rows, in order, by offset.
func (w *endsWorld) read(sync string) map[int64][]*outcomes.Outcome {
	w.t.Helper()
	c := w.config(true)
	client, err := admin.New(c.Kafka, "test", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	rows := map[int64][]*outcomes.Outcome{}
	topic := c.OutcomesIn(client)
	all, err := topic.All(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	err = topic.Scan(w.t.Context(), all, func(at *pipeline.Record) error {
		o := &outcomes.Outcome{}
		if err := o.Decode(at.Value); err != nil {
			return err
		}
		want := outcomes.PartitionOf(o.Topic, o.Partition, 12)
		if o.End.IsDead() || o.Replay != "" {
			want = outcomes.LettersPartition
		}
		if at.Partition != want {
			w.t.Errorf("%s of row %d is in partition %d, want %d", o.End, o.Offset, at.Partition, want)
		}
		if o.Sync == sync {
			rows[o.Offset] = append(rows[o.Offset], o.Clone())
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, list := range rows {
		slices.SortStableFunc(list, func(a, b *outcomes.Outcome) int { return int(a.Settled - b.Settled) })
	}
	return rows
}

// judge holds the last outcome of each row against what the test wrote.
func (w *endsWorld) judge(sync string, want map[string]outcomes.End) {
	w.t.Helper()
	rows := w.read(sync)
	for at, kind := range w.rows {
		list := rows[at]
		if len(list) == 0 {
			w.t.Errorf("%s: the %s row %d has no outcome", sync, kind, at)
			continue
		}
		last := list[len(list)-1]
		if last.End != want[kind] {
			w.t.Errorf("%s: the %s row %d: got %s, want %s", sync, kind, at, last.End, want[kind])
		}
		if !bytes.Equal(last.Key, outcomes.AppendKey(nil, fmt.Append(nil, at))) {
			w.t.Errorf("%s: row %d: the key is not the hash of its record's", sync, at)
		}
	}
	if len(rows) != len(w.rows) {
		w.t.Errorf("%s: outcomes of %d rows, want %d", sync, len(rows), len(w.rows))
	}
}

var (
	orderEnds  = map[string]outcomes.End{"good": outcomes.Delivered, "refused": outcomes.Rejected, "bad": outcomes.Rejected, "test": outcomes.Skipped}
	memberEnds = map[string]outcomes.End{"good": outcomes.Asserted, "refused": outcomes.Asserted, "bad": outcomes.Rejected, "test": outcomes.Asserted}
)

// caughtUp waits until both groups have committed every row.
func (w *endsWorld) caughtUp(d *Daemon) {
	w.t.Helper()
	await(w.t, "all rows to be committed", func() bool {
		return w.committed(d, "orders") == int64(len(w.rows)) && w.committed(d, "members") == int64(len(w.rows))
	})
}

func (w *endsWorld) committed(d *Daemon, sync string) int64 {
	offsets, err := d.Wiring.Admin.Committed(w.t.Context(), "shop."+sync)
	if err != nil {
		return -1
	}
	at, _ := offsets.Get("orders", 0)
	return at
}

func TestEachSettledRowHasAnOutcomeThatSaysWhatBecameOfIt(t *testing.T) {
	w := newEndsWorld(t)
	w.produce("good", 30)
	w.produce("bad", 5)
	w.produce("test", 7)
	w.produce("refused", 1)
	w.produce("good", 3)
	d, stop := w.start(true)
	w.caughtUp(d)
	stop()
	w.judge("orders", orderEnds)
	w.judge("members", memberEnds)
	w.tells()
	if _, again := w.registry.GetSchema("tokrelay.outcomes-value", 2); again || !w.registry.SubjectExists("tokrelay.outcomes-value") {
		t.Error("the schema is not in the registry once")
	}
}

// tells looks at what the outcomes say beside the end.
func (w *endsWorld) tells() {
	digest := func(at int64) []byte {
		sum := sha256.Sum256(fmt.Appendf(nil, "ada%d@example.com", at))
		return sum[:]
	}
	for at, list := range w.read("orders") {
		o := list[0]
		switch w.rows[at] {
		case "good":
			if string(o.EventID) != fmt.Sprintf("e%d", at) || !bytes.Contains(o.Digests, digest(at)[:outcomes.Prefix]) || o.Action != outcomes.Send || o.RequestID == "" || o.Call == "" || !o.HasCode || o.Code != 0 {
				w.t.Errorf("a delivered row: got %+v", o)
			}
		case "refused":
			if o.Reason != string(pipeline.RefusedByTikTok) || !bytes.Contains(o.Digests, digest(at)[:outcomes.Prefix]) || o.Action != outcomes.Send || o.RequestID == "" || o.Code != 40002 || !o.Letter.Known {
				w.t.Errorf("a row that TikTok refused: got %+v", o)
			}
		case "bad":
			if o.Reason != string(pipeline.InvalidEmail) || o.Field != "user.email" || o.Column != "email" || o.Stage != string(pipeline.StageIdentity) || !o.Letter.Known || o.Action != outcomes.None {
				w.t.Errorf("a rejected row: got %+v", o)
			}
		case "test":
			if o.Reason != string(pipeline.SkipFiltered) || o.Action != outcomes.None {
				w.t.Errorf("a filtered row: got %+v", o)
			}
		}
	}
	for at, list := range w.read("members") {
		if o := list[0]; w.rows[at] == "good" && (o.Action != outcomes.Add || !bytes.Contains(o.Digests, digest(at)[:outcomes.Prefix]) || o.EventID != nil) {
			w.t.Errorf("an asserted row: got %+v", o)
		}
	}
}

// TestRowsThatAreReadAgainHaveTheirOutcomeOnceMoreAndTheLastIsRight has an instance die before it commits anything.
func TestRowsThatAreReadAgainHaveTheirOutcomeOnceMoreAndTheLastIsRight(t *testing.T) {
	w := newEndsWorld(t)
	w.produce("good", 20)
	w.produce("bad", 3)
	refused := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	_, stop := w.start(true)
	await(t, "the outcomes of all rows", func() bool { return len(w.read("orders")) == len(w.rows) })
	stop()
	refused.Remove()
	d, stop := w.start(true)
	w.caughtUp(d)
	stop()
	for at, list := range w.read("orders") {
		if len(list) < 2 {
			t.Errorf("row %d was read twice and has %d outcome(s)", at, len(list))
		}
	}
	w.judge("orders", orderEnds)
}

// TestTroubleWithOutcomesHoldsTheSyncAndNothingIsCommitted: P1 holds for outcomes, too.
func TestTroubleWithOutcomesHoldsTheSyncAndNothingIsCommitted(t *testing.T) {
	w := newEndsWorld(t)
	d, stop := w.start(true)
	defer stop()
	w.produce("good", 1)
	w.caughtUp(d)
	refused := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "tokrelay.outcomes", Err: kerr.TopicAuthorizationFailed, Count: -1})
	w.produce("good", 2)
	w.produce("bad", 1)
	await(t, "trouble that names the topic", func() bool {
		return slices.ContainsFunc(d.Wiring.Status.Troubles("orders"), func(s pipeline.TroubleSince) bool {
			return s.Kind == pipeline.TroubleKafka && strings.Contains(s.What, "write outcomes") && strings.Contains(s.What, "grant Write on topic tokrelay.outcomes")
		})
	})
	await(t, "the rows to be delivered", func() bool { return len(w.tiktok.Events()) == 3 })
	<-time.After(time.Second) // ten commits' time
	if at := w.committed(d, "orders"); at != 1 {
		t.Errorf("committed up to %d while no outcome of the rows after 1 is written", at)
	}
	refused.Remove()
	w.caughtUp(d)
	await(t, "the end of trouble", func() bool { return len(d.Wiring.Status.Troubles("orders")) == 0 })
	w.judge("orders", orderEnds)
}

// A letter that does not say when its row failed first was looked for since the time that the next letter says.
func TestTheHistoryOfALetterIsReadAlsoWhereItDoesNotSayWhenItsRowFailedFirst(t *testing.T) {
	w := newEndsWorld(t)
	w.produce("bad", 1)
	d, stop := w.start(true)
	defer stop()
	w.caughtUp(d)
	list, err := d.NewestLetters(t.Context(), &deadletter.Filter{}, 1, 10)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	undated, late := *list[0], *list[0]
	undated.First, late.First, late.Record.Offset = time.Time{}, time.Now().Add(time.Hour), 99
	got, err := d.Wiring.Config.Histories(t.Context(), d.Wiring.Admin, &undated, &late)
	if err != nil || len(got[RowOf(&undated)]) != 1 {
		t.Errorf("got %v, %v, want an outcome of the row", got, err)
	}
}

func TestWithoutOutcomesNothingIsWrittenAndThereIsNoTopic(t *testing.T) {
	w := newEndsWorld(t)
	w.produce("good", 5)
	w.produce("bad", 1)
	d, stop := w.start(false)
	w.caughtUp(d)
	stop()
	if w.cluster.TopicInfo("tokrelay.outcomes") != nil {
		t.Error("there is a topic of outcomes")
	}
	if w.registry.SubjectExists("tokrelay.outcomes-value") {
		t.Error("the schema of outcomes is registered")
	}
}
