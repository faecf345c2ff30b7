package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkChunkPerRecord is what turning fetched records into a chunk costs.
func BenchmarkChunkPerRecord(b *testing.B) {
	const rows = 1000
	fetched := records(0, rows)
	for _, r := range fetched {
		r.Headers = []kgo.RecordHeader{{Key: "__debezium.newkey", Value: []byte("x")}}
	}
	b.ReportAllocs()
	for b.Loop() {
		newChunk(fetched)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/record")
}
