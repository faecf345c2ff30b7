package demo

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/schemas"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// standIns are the demo's broker, registry and TikTok. They speak the real protocols on loopback.
type standIns struct {
	broker   *kfake.Cluster
	registry *srfake.Registry
	tiktok   *sandbox.Sandbox
	server   *http.Server
	address  string // of the TikTok stand-in
}

func startStandIns() (*standIns, error) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, "shop.public.orders"), kfake.SeedTopics(3, "shop.public.signups", "shop.public.customers"))
	if err != nil {
		return nil, fmt.Errorf("start the broker's stand-in: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		broker.Close()
		return nil, fmt.Errorf("start TikTok's stand-in: %w", err)
	}
	s := &standIns{broker: broker, registry: srfake.New(), address: "http://" + listener.Addr().String()}
	s.tiktok = sandbox.New(sandbox.Config{Refuse: sandbox.Strict()})
	s.server = &http.Server{Handler: s.tiktok}
	go s.server.Serve(listener)
	return s, nil
}

func (s *standIns) close() {
	s.server.Close()
	s.registry.Close()
	s.broker.Close()
}

// addTable registers a table's schemas and gives its encoder.
func addTable(registry *srfake.Registry, name string) (*table, error) {
	ids := [2]int{}
	client, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		return nil, err
	}
	for i, part := range []string{"key", "value"} {
		registered, err := client.CreateSchema(context.Background(), "shop.public."+name+"-"+part, sr.Schema{Schema: schemas.Demo(name, part)})
		if err != nil {
			return nil, fmt.Errorf("register the schema of %s: %w", name, err)
		}
		ids[i] = registered.ID
	}
	return newTable(name, ids[0], ids[1])
}

// produce writes records in bursts and tells after each how many there are.
func (s *standIns) produce(ctx context.Context, records []produced, burst int, after func(done int) error) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...))
	if err != nil {
		return fmt.Errorf("write the story: %w", err)
	}
	defer client.Close()
	done := 0
	for part := range slices.Chunk(records, burst) {
		batch := make([]*kgo.Record, len(part))
		for i, p := range part {
			batch[i] = &kgo.Record{Topic: p.record.Topic, Key: p.record.Key, Value: p.record.Value}
		}
		if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
			return fmt.Errorf("write the story: %w", err)
		}
		done += len(part)
		if err := after(done); err != nil {
			return err
		}
	}
	return nil
}
