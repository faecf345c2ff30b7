package demo

import (
	"time"

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
