package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// runSteps is the bare loop with the daemon's own decoder and sink in place of the hand-written row: what is left between
// it and the daemon is what delivery, the router and the ledger cost.
func runSteps(ctx context.Context, a addresses) (int, error) {
	steps, err := daemonSteps(a)
	if err != nil {
		return 0, err
	}
	runner := pipeline.Runner{Steps: steps}
	return fetchAndPost(ctx, a, func(body []byte, r *kgo.Record) ([]byte, error) {
		runner.Items.Reset()
		record := pipeline.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
		if err := runner.Row(ctx, &record, 0); err != nil {
			return body, err
		}
		return append(body, runner.Items.Body(0)...), nil
	})
}

// daemonSteps are the steps of the daemon's configuration, with their metrics.
func daemonSteps(a addresses) (pipeline.Steps, error) {
	c, err := fullConfig(a, false)
	if err != nil {
		return pipeline.Steps{}, err
	}
	quiet := slog.New(slog.DiscardHandler)
	registry, err := registry.New(c.SchemaRegistry, registry.Deps{Log: quiet})
	if err != nil {
		return pipeline.Steps{}, err
	}
	flow, err := daemon.NewFlow(&c.Syncs[0], time.Now, daemon.NewMetrics(metrics.OfSync(metrics.New().Registry, "orders"), daemon.KindEvents))
	if err != nil {
		return pipeline.Steps{}, err
	}
	if err := flow.DecodeWith(registry, nil, quiet); err != nil {
		return pipeline.Steps{}, err
	}
	return flow.Steps(), nil
}

func fullConfig(a addresses, outcomes bool) (*daemon.Config, error) {
	c, report := daemon.Parse([]byte(fullText), settings.Vars(map[string]string{
		"BROKER": a.Broker, "REGISTRY": a.Registry, "TIKTOK": a.TikTok, "TOKEN": benchToken, "OUTCOMES": fmt.Sprint(outcomes),
		"GROUP": fmt.Sprintf("full-%d", time.Now().UnixNano()),
	}))
	return c, report.Err()
}
