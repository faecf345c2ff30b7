package daemon

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const oneByTwo = `kafka: {brokers: ["${BROKER}"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
syncs:
  - {name: named, topic: people, framing: json, audience_segment: {audience: {name: VIP}, identifiers: {EMAIL_SHA256: email}}}
  - {name: by-rows, topic: people, framing: json, audience_segment: {audience: {column: list}, identifiers: {EMAIL_SHA256: email}}}
`

// The configuration does not show that both fill one audience: the row does. They look for it at the same time, and neither finds it.
func TestTwoSyncsOfAProcessThatComeToOneAudienceMakeOneAndOneIsHeld(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "people"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	tiktok := sandbox.New(sandbox.Config{})
	tiktok.AddFault(sandbox.Fault{Delay: 500 * time.Millisecond})
	server := httptest.NewServer(http.HandlerFunc(tiktok.ServeHTTP))
	defer server.Close()
	c, report := Parse([]byte(oneByTwo), settings.Vars(map[string]string{"BROKER": cluster.ListenAddrs()[0], "TOKEN": sandbox.DefaultToken, "TIKTOK": server.URL}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	produceJSON(t, cluster, "people", "1", `{"email":"ada@example.com","list":"VIP"}`)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	await(t, "the member", func() bool { list := tiktok.Audiences(); return len(list) > 0 && list[0].Members == 1 })
	// Which of them is first is chance: the sync with the name is held, or the row that names the audience is rejected.
	await(t, "the other sync's trouble, or its row's rejection", func() bool {
		counts, err := d.Wiring.Metrics.Counts("by-rows")
		return len(d.Wiring.Status.Troubles("named"))+len(d.Wiring.Status.Troubles("by-rows")) > 0 || err == nil && counts.Rejected[pipeline.UnknownAudience] == 1
	})
	if got := len(tiktok.Audiences()); got != 1 {
		t.Errorf("got %d audiences, want 1", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("run ended with %v", err)
	}
}
