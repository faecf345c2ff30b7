package find_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/find"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const largeConfig = `
kafka: {brokers: ["%s"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "%s", base_url: "%s"}}
admin: {listen: "127.0.0.1:0"}
syncs:
  - name: purchases
    topic: people
    framing: json
    rejected_share: {share: 100%%}
    web_events:
      pixel_code: CTESTPIXELCODE000000
      event: Purchase
      event_id: {column: id}
      fields: {event_time: {now: true}, user.email: email, page.url: {value: "https://shop.example/"}, properties.currency: cur, properties.value: amount}
  - name: newsletter
    topic: people
    framing: json
    audience_segment: {audience: {name: Newsletter}, identifiers: {EMAIL_SHA256: email}}
  - name: lapsed
    topic: people
    framing: json
    audience_file: {audience: {name: Lapsed}, identifier: {EMAIL_SHA256: email}, schedule: "0 3 1 1 *"}
`

// BenchmarkAnswer is how long answers take on a topic of a million rows with a hundred thousand dead letters at its end, read by a sync of
// events and by two audiences. FIND_ROWS is another number of rows.
func BenchmarkAnswer(b *testing.B) {
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("FIND_ROWS")); err == nil {
		rows = n
	}
	d := settledDaemon(b, rows, rows/10)
	address := func(i int) string { return fmt.Sprintf("person%d@example.com", i) }
	finder, err := find.New(d)
	if err != nil {
		b.Fatal(err)
	}
	for _, q := range []struct{ name, text string }{
		{"address", address(rows / 2)}, {"nobody", "nobody@example.com"}, {"event", "e-77"}, {"key", "id=e-78"},
		{"place", "people/1/1000"}, {"refused", fmt.Sprintf("people/1/%d", rows/4-3)},
	} {
		b.Run(q.name, func(b *testing.B) {
			for b.Loop() {
				question, err := find.Recognise(q.text, "", nil)
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				a, err := finder.Find(b.Context(), question, find.Options{Since: time.Now().Add(-24 * time.Hour)})
				if err != nil || len(a.Problems) > 0 {
					b.Fatal(err, a.Problems)
				}
				b.Logf("%s in %s: %s", q.name, time.Since(began).Round(time.Millisecond), a.Verdict)
			}
		})
	}
}

// settledDaemon has read the rows, of which the last are refused, and does not run any more.
func settledDaemon(b *testing.B, rows, refused int) *daemon.Daemon {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "people"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(cluster.Close)
	tiktok := httptest.NewServer(sandbox.New(sandbox.Config{KeepEvents: -1, KeepBodies: -1, KeepCalls: -1}))
	b.Cleanup(tiktok.Close)
	produce(b, cluster, rows, refused)
	c, report := daemon.Parse(fmt.Appendf(nil, largeConfig, cluster.ListenAddrs()[0], sandbox.DefaultToken, tiktok.URL), settings.Vars(nil))
	if err := report.Err(); err != nil {
		b.Fatal(err)
	}
	d, err := daemon.New(c, daemon.Options{Log: slog.New(slog.DiscardHandler), Instance: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for began := time.Now(); ; time.Sleep(time.Second) {
		states, err := d.Wiring.GroupStates(ctx, d.Wiring.State)
		if err == nil && states[0].LagRows == 0 && states[1].LagRows == 0 && time.Since(began) > 5*time.Second {
			b.Logf("%d rows settled in %s", rows, time.Since(began).Round(time.Second))
			break
		}
	}
	stop()
	<-ended
	again, err := daemon.New(c, daemon.Options{Log: slog.New(slog.DiscardHandler), Instance: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(again.Wiring.Close)
	return again
}

func produce(b *testing.B, cluster *kfake.Cluster, rows, refused int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("people"), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for i := range rows {
		currency := "EUR"
		if i >= rows-refused {
			currency = "EURO"
		}
		key := fmt.Appendf(nil, `{"id":"e-%d"}`, i)
		value := fmt.Appendf(nil, `{"id":"e-%d","email":"person%d@example.com","cur":"%s","amount":12.5,"filler":"%x"}`, i, i, currency, sha256.Sum256(key))
		client.Produce(b.Context(), &kgo.Record{Partition: int32(i % 4), Key: key, Value: value}, nil)
	}
	if err := client.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
