package kafka

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
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

// BenchmarkTransactions is what chunks of 1000 records cost from Chunk to their commit, with the embedded broker's part: one chunk of
// a partition at a time, as a streamed audience hands them over.
func BenchmarkTransactions(b *testing.B) {
	for _, partitions := range []int32{1, 12} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, testTopic, outTopic))
			if err != nil {
				b.Fatal(err)
			}
			defer cluster.Close()
			c, err := NewConsumer(configFor(cluster), ConsumerOptions{Sync: "orders", Group: testGroup, Topics: []string{testTopic}, Start: Earliest})
			if err != nil {
				b.Fatal(err)
			}
			txns := NewTransactions(configFor(cluster), c, nil)
			ctx, stop := context.WithCancel(b.Context())
			var work sync.WaitGroup
			work.Go(func() { _ = c.Run(ctx, nil) })
			work.Go(func() { _ = txns.Run(ctx) })
			defer work.Wait()
			defer stop()
			for len(c.all()) < int(partitions) {
				<-time.After(10 * time.Millisecond)
			}
			b.ReportAllocs()
			b.ResetTimer()
			var next atomic.Int64
			var handlers sync.WaitGroup
			for p := range partitions {
				handlers.Go(func() { commitChunks(b, txns, p, &next) })
			}
			handlers.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "chunks/s")
		})
	}
}

// commitChunks hands chunks of a partition over, until there were b.N of all partitions.
func commitChunks(b *testing.B, txns *Transactions, partition int32, next *atomic.Int64) {
	records := make([]pipeline.Record, 1000)
	key, value := make([]byte, 16), incompressible(120)
	for offset := int64(0); next.Add(1) <= int64(b.N); {
		for i := range records {
			records[i] = pipeline.Record{Topic: testTopic, Partition: partition, Offset: offset}
			offset++
		}
		err := txns.Chunk(b.Context(), pipeline.NewChunk(records), func(write Write) {
			for range records {
				write(outTopic, partition, key, value)
			}
		})
		if err != nil {
			b.Error(err)
			return
		}
	}
}
