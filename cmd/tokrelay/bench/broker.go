package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
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
	if err := demo.LoadOrders(a.Broker, registry, records); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
