package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/demo"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const (
	benchTopic = "shop.public.orders"
	benchToken = sandbox.DefaultToken
)

// serve plays Kafka with the bench's records in it, the registry, and two TikToks that take everything, until its standard
// input ends.
func serve(records int) error {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(8, benchTopic, wideTopic, manyTopic), kfake.SeedTopics(12, peopleTopic), kfake.SeedTopics(1, "tokrelay.rejected", "tokrelay.failed"))
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
	if a.Audience, err = listenSandbox(); err != nil {
		return err
	}
	if err := errors.Join(demo.LoadOrders(a.Broker, registry, benchTopic, records, 0), loadPeople(a.Broker, registry, records),
		demo.LoadOrders(a.Broker, registry, wideTopic, records/wideOf, wideRow), demo.LoadOrders(a.Broker, registry, manyTopic, records/manyOf, 0)); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
