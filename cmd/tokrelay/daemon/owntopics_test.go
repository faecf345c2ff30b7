package daemon

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// greedy is a configuration whose every own topic has a name that the pattern of its syncs matches.
const greedy = `
kafka: {brokers: ["${BROKER}"], group: shop}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
dead_letter: {rejected_topic: shop.rejected, failed_topic: shop.failed}
state_topic: shop.state
calls: {topic: shop.calls}
admin: {listen: "127.0.0.1:0"}
syncs:
  - name: orders
    topic_pattern: shop\..*
    exclude_topics: [shop.signals, "shop\\.heartbeat.*"]
    framing: json
    missing_column: "null"
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, event_id: {column: id},
      fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}
  - name: members
    topic_pattern: shop\..*
    exclude_topics: [shop.signals, "shop\\.heartbeat.*"]
    framing: json
    missing_column: "null"
    audience_segment: {audience: {name: Members}, identifiers: {EMAIL_SHA256: email}}
  - name: lapsed
    topic_pattern: shop\..*
    exclude_topics: [shop.signals, "shop\\.heartbeat.*"]
    framing: json
    audience_file: {audience: {name: Lapsed}, identifier: {EMAIL_SHA256: email}}
`

// greedyOwn are the names that greedy gives its topics, written by hand.
var greedyOwn = []string{"shop.rejected", "shop.failed", "shop.state", "shop.calls", "shop.members.members"}

func greedyDaemon(t *testing.T, topics ...string) (*kfake.Cluster, *Daemon, *sandbox.Sandbox) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topics...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	tiktok := sandbox.New(sandbox.Config{})
	server := httptest.NewServer(http.HandlerFunc(tiktok.ServeHTTP))
	t.Cleanup(server.Close)
	c, report := Parse([]byte(greedy), settings.Vars(map[string]string{
		"BROKER": cluster.ListenAddrs()[0], "TOKEN": sandbox.DefaultToken, "TIKTOK": server.URL}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return cluster, d, tiktok
}

// TestCommandsLeaveOwnTopicsOutOfAPattern: uploads, checks, previews and searches ask for a sync's topics here.
func TestCommandsLeaveOwnTopicsOutOfAPattern(t *testing.T) {
	_, d, _ := greedyDaemon(t, append([]string{"shop.orders", "shop.signals", "shop.heartbeat.eu", "shop.signalsets", "other.orders",
		"shop.audience.7100000000000000001.rows", "shop.audience.7100000000000000001.members", "shop.audience.7100000000000000001.claims",
		"shop.audiences.members.rows", "shop.audiences.gone.claims"}, greedyOwn...)...)
	defer d.Wiring.Close()
	for i := range d.Wiring.Config.Syncs {
		s := &d.Wiring.Config.Syncs[i]
		got, err := s.SourceTopics(t.Context(), d.Wiring.Admin)
		if want := []string{"shop.orders", "shop.signalsets"}; err != nil || !slices.Equal(got, want) {
			t.Errorf("sync %s: got %v, %v, want %v", s.Name, got, err, want)
		}
	}
}

// TestOneBadRowIsOneDeadLetterWhateverThePatternMatches runs all syncs on a pattern that matches the topics they write.
func TestOneBadRowIsOneDeadLetterWhateverThePatternMatches(t *testing.T) {
	t.Parallel()
	cluster, d, tiktok := greedyDaemon(t, append([]string{"shop.orders", "shop.signals"}, greedyOwn...)...)
	produceJSON(t, cluster, "shop.signals", "1", `{"id":"signal","type":"execute-snapshot"}`)
	produceJSON(t, cluster, "shop.orders", "1", fmt.Sprintf(`{"id":"bad","at":%q,"email":"nobody"}`, time.Now().UTC().Format(time.RFC3339)))
	produceJSON(t, cluster, "shop.orders", "2", fmt.Sprintf(`{"id":"good","at":%q,"email":"ada@example.com"}`, time.Now().UTC().Format(time.RFC3339)))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	await(t, "the good row", func() bool { return len(tiktok.Events()) == 1 })
	await(t, "the member", func() bool { list := tiktok.Audiences(); return len(list) > 0 && list[0].Members == 1 })
	await(t, "the bad row's letters", func() bool { return written(t, d, "shop.rejected") >= 2 })
	for _, group := range []string{"shop.orders", "shop.members"} { // both know all topics by now
		if got := readBy(t, d, group); !slices.Equal(got, []string{"shop.orders"}) {
			t.Errorf("group %s reads %v, want shop.orders alone", group, got)
		}
	}
	if got := written(t, d, "shop.rejected"); got != 2 {
		t.Errorf("one bad row, read by two syncs, made %d dead letters, want 2", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run ended with %v", err)
	}
}

// await asks until it is so, for half a minute at most.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(90 * time.Second) // a record that Kafka does not acknowledge is given up after 30, and written again
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within a minute and a half", what)
		}
	}
}

// readBy are the topics that a group's members read.
func readBy(t *testing.T, d *Daemon, group string) (topics []string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(d.Wiring.Config.Kafka.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	groups, err := kadm.NewClient(client).DescribeGroups(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	groups.AssignedPartitions().EachPartitions(func(topic string, _ []int32) { topics = append(topics, topic) })
	return slices.Sorted(slices.Values(topics))
}

func written(t *testing.T, d *Daemon, topic string) (n int64) {
	t.Helper()
	client, err := admin.New(d.Wiring.Config.Kafka, "count", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := client.Ends(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range ends[topic] {
		n += end
	}
	return n
}

func produceJSON(t *testing.T, cluster *kfake.Cluster, topic, key, value string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte(key), Value: []byte(value)}).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// TestOwnTopicsAreRefusedAsSources also names what another sync writes.
func TestOwnTopicsAreRefusedAsSources(t *testing.T) {
	const around = `kafka: {brokers: ["localhost:9092"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}"}}
calls: {topic: shop.calls}
syncs:
  - {name: vip, topic: people, framing: json, audience_segment: {audience: {name: VIP}, identifiers: {EMAIL_SHA256: email}}}
  - name: orders
    framing: json
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}
`
	for name, test := range map[string]struct{ source, want string }{
		"rejected":             {"topic: tokrelay.rejected", "syncs[1].topic: must not be a topic that tokrelay writes itself (it is dead_letter.rejected_topic: "},
		"failed":               {"topics: [a, tokrelay.failed]", "syncs[1].topics[1]: must not be a topic that tokrelay writes itself (it is dead_letter.failed_topic: "},
		"state":                {"topic: tokrelay.state", "it is state_topic: "},
		"calls":                {"topic: shop.calls", "it is calls.topic: "},
		"another sync's":       {"topic: tokrelay.vip.members", "it is the members topic of sync vip: "},
		"rows of an audience":  {"topic: tokrelay.audience.7100000000000000001.rows", "syncs[1].topic: must not be a topic that tokrelay writes itself (it is one of a streamed audience: "},
		"claims of rows'":      {"topics: [a, tokrelay.audiences.vip.claims]", "syncs[1].topics[1]: must not be a topic that tokrelay writes itself (it is one of a streamed audience: "},
		"almost an audience's": {"topics: [tokrelay.audience, tokrelay.audienceless.rows, other.audience.7.rows]", ""},
		"a topic twice":        {"topics: [orders, a.b, orders]", "syncs[1].topics[2]: topic orders is named twice (name each topic once)"},
		"exclude alone":        {"topic: orders\n    exclude_topics: [x]", "syncs[1].exclude_topics: goes with topic_pattern alone"},
		"exclude is no regexp": {"topic_pattern: a.*\n    exclude_topics: [a, 'b[']", "syncs[1].exclude_topics[1]: must be a topic's name or a regular expression"},
		"a pattern of all":     {"topic_pattern: .*\n    exclude_topics: [a.b, 'c\\..*']", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, report := Parse([]byte(around+"    "+test.source+"\n"), settings.Vars(map[string]string{"TOKEN": "t"}))
			wantProblem(t, report, test.want)
		})
	}
}

// TestAnOwnTopicHoldsOneThing: two in one topic read each other's records.
func TestAnOwnTopicHoldsOneThing(t *testing.T) {
	const around = `kafka: {brokers: ["localhost:9092"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}"}}
syncs:
  - {name: vip, topic: people, group: a, framing: json, audience_segment: {audience: {name: VIP}, identifiers: {EMAIL_SHA256: email}}}
`
	for name, test := range map[string]struct{ text, want string }{
		"state and rejected": {"state_topic: tokrelay.rejected", "state_topic: must be a topic of its own (state_topic would be dead_letter.rejected_topic, too)"},
		"calls and state":    {"calls: {topic: tokrelay.state}", "calls.topic: must be a topic of its own"},
		"members and state":  {"state_topic: a.members", "syncs[0].group: must be a topic of its own (the members topic of sync vip would be state_topic, too)"},
		"two groups of one name": {"  - {name: old, topic: people, group: a, framing: json, audience_segment: {audience: {name: Old}, identifiers: {EMAIL_SHA256: email}}}",
			"syncs[1].group: must be a topic of its own (the members topic of sync old would be the members topic of sync vip, too)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, report := Parse([]byte(around+test.text+"\n"), settings.Vars(map[string]string{"TOKEN": "t"}))
			wantProblem(t, report, test.want)
		})
	}
}

// wantProblem looks for the only problem of a configuration, "" for none; each has the line where it is.
func wantProblem(t *testing.T, report *settings.Report, want string) {
	t.Helper()
	problems := slices.DeleteFunc(report.Problems(), func(p settings.Problem) bool { return p.Warning })
	switch {
	case want == "" && len(problems) == 0:
	case len(problems) != 1 || want == "" || !strings.Contains(problems[0].String(), want) || problems[0].Line == 0:
		t.Errorf("got %v, want one with a line that says %q", problems, want)
	}
}
