package demo

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Orders makes n valid records of the orders table, paid at once, and registers their schemas: material for measuring.
func Orders(registry *srfake.Registry, n int) ([]pipeline.Record, error) {
	orders, err := addTable(registry, "orders")
	if err != nil {
		return nil, err
	}
	s := newShop(1, time.Now())
	records := make([]pipeline.Record, n)
	for i := range records {
		r := s.order("paid")
		r["currency"] = currencies[i%len(currencies)]
		key, value, err := orders.change("c", nil, r, s.now)
		if err != nil {
			return nil, err
		}
		records[i] = pipeline.Record{Topic: orders.topic(), Key: key, Value: value}
	}
	return records, nil
}

// LoadOrders writes n orders to a topic of the broker: a few thousand different ones, repeated under their own keys. A header makes each record
// at least that size.
func LoadOrders(broker string, registry *srfake.Registry, topic string, n, size int) error {
	rows, err := Orders(registry, 5000)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer client.Close()
	var failed error
	for i := range n {
		r := &rows[i%len(rows)]
		record := &kgo.Record{Topic: topic, Key: r.Key, Value: r.Value}
		if pad := size - len(r.Value); pad > 0 {
			record.Headers = []kgo.RecordHeader{{Key: "pad", Value: make([]byte, pad)}}
		}
		client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
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
