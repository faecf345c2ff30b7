package router

import (
	"context"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// BenchmarkRouterPerRecord is what the router adds to a row: the steps and the delivery do next to nothing.
func BenchmarkRouterPerRecord(b *testing.B) {
	const rows = 1000
	records := make([]pipeline.Record, rows)
	steps := pipeline.Steps{
		Decode: func(_ context.Context, _ *pipeline.Record, into *pipeline.Change) error {
			into.Op = pipeline.Insert
			return nil
		},
		Make: func(items *pipeline.Items, row int, _ *pipeline.Change) error {
			items.List = append(items.List, pipeline.Item{Row: int32(row)})
			return nil
		},
	}
	settle := func(_ context.Context, c *pipeline.Chunk, items *pipeline.Items) error {
		for _, item := range items.List {
			c.Settle(int(item.Row), pipeline.Delivered)
		}
		return nil
	}
	ctx, stop := context.WithCancel(b.Context())
	source := func(_ context.Context, offer Offer) error {
		defer stop()
		for b.Loop() {
			<-offer(context.Background(), pipeline.NewChunk(records)).Acked
		}
		return nil
	}
	r, err := New(Options{Syncs: []Sync{{Name: "orders", Source: source, NewSteps: func() pipeline.Steps { return steps }, Deliver: settle}}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	if err := r.Run(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/record")
}
