package main

import (
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/router"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// chunk is how many rows a turn has: the daemon's chunk, the bare loop's call.
const chunk = 1000

// BenchmarkRow is a row's way from bytes to JSON, by hand and through the daemon's steps, in turns of a thousand rows: on
// a busy machine both suffer alike. The best turns of each give the ratio.
func BenchmarkRow(b *testing.B) {
	registry := srfake.New()
	b.Cleanup(registry.Close)
	rows, err := demo.Orders(registry, 5*chunk)
	if err != nil {
		b.Fatal(err)
	}
	for i := range rows {
		rows[i].Topic, rows[i].Offset = benchTopic, int64(i+1)
	}
	steps := daemonSteps(b, registry.URL())
	var byHand bare
	var items pipeline.Items
	var change pipeline.Change
	ctx, best := b.Context(), map[string]time.Duration{}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		part := rows[n%5*chunk:][:chunk]
		turn(best, "bare", func() error { return byHand.events(part) })
		turn(best, "daemon", func() error {
			items.Reset()
			for i := range part {
				change.Reset()
				if err := steps.Decode(ctx, &part[i], &change); err != nil {
					b.Fatal(err)
				}
				if err := steps.Make(&items, i, &change); err != nil {
					b.Fatal(err)
				}
			}
			return nil
		})
	}
	for name, took := range best {
		b.ReportMetric(float64(took.Nanoseconds())/chunk, name+"-ns/row")
	}
	b.ReportMetric(float64(best["daemon"])/float64(best["bare"]), "ratio")
}

func turn(best map[string]time.Duration, name string, work func() error) {
	start := time.Now()
	if err := work(); err != nil {
		panic(err)
	}
	if took := time.Since(start); best[name] == 0 || took < best[name] {
		best[name] = took
	}
}

// events makes the events of a call and sends nothing.
func (b *bare) events(rows []pipeline.Record) error {
	b.body = b.body[:0]
	for i := range rows {
		if err := b.event(rows[i].Value[5:]); err != nil {
			return err
		}
	}
	return nil
}

// daemonSteps are the steps of the daemon's configuration, with their metrics.
func daemonSteps(b *testing.B, registryURL string) router.Steps {
	c, report := daemon.Parse([]byte(fullConfig), settings.Vars(map[string]string{
		"BROKER": "localhost:9092", "REGISTRY": registryURL, "TIKTOK": "http://localhost", "TOKEN": benchToken, "GROUP": "bench",
	}))
	if err := report.Err(); err != nil {
		b.Fatal(err)
	}
	m, quiet := metrics.New(), slog.New(slog.DiscardHandler)
	registry, err := cdc.NewRegistry(c.SchemaRegistry, cdc.RegistryDeps{Log: quiet, Metrics: m})
	if err != nil {
		b.Fatal(err)
	}
	flow, err := daemon.NewFlow(&c.Syncs[0], time.Now, m.Sync("orders", "web_events"))
	if err != nil {
		b.Fatal(err)
	}
	if err := flow.DecodeWith(registry, m, quiet); err != nil {
		b.Fatal(err)
	}
	return flow.Steps()
}
