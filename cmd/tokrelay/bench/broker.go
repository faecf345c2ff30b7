package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
)

const (
	benchTopic = "shop.public.orders"
	benchToken = "bench-token"
)

// serve plays Kafka with the bench's records in it, the registry, and two TikToks that take everything, until its standard
// input ends.
func serve(records int) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(8, benchTopic), kfake.SeedTopics(1, "tokrelay.rejected", "tokrelay.failed"))
	if err != nil {
		return err
	}
	defer cluster.Close()
	registry := srfake.New()
	defer registry.Close()
	a := addresses{Broker: cluster.ListenAddrs()[0], Registry: registry.URL(), Records: records}
	if a.TikTok, err = (&tiktok{}).listen(); err != nil {
		return err
	}
	if a.Slow, err = (&tiktok{wait: latency}).listen(); err != nil {
		return err
	}
	if err := load(a, registry); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// load writes the bench's orders: a few thousand different ones, repeated under their own keys.
func load(a addresses, registry *srfake.Registry) error {
	rows, err := demo.Orders(registry, 5000)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(a.Broker), kgo.DefaultProduceTopic(benchTopic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer client.Close()
	var failed error
	for i := range a.Records {
		r := rows[i%len(rows)]
		client.Produce(context.Background(), &kgo.Record{Key: r.Key, Value: r.Value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return err
	}
	return failed
}
