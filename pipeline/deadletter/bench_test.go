package deadletter

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// BenchmarkList counts letters as dlq list does, and beside it reads the same topic with a bare client that does nothing
// with what it reads. Both share the machine with the broker. heap-MiB is what counting adds to the heap, at its most: it
// does not grow with the letters.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cluster, src := cluster(b, n, pipeline.InvalidCurrency, pipeline.InvalidEmail)
			runtime.GC()
			before, most := heap(), uint64(0)
			var bare time.Duration
			for b.Loop() {
				if rows := count(b, src, &Filter{}, By...).Rows; rows != int64(n) {
					b.Fatalf("counted %d, want %d", rows, n)
				}
				b.StopTimer()
				most = max(most, heap())
				began := time.Now()
				readBare(b, cluster.ListenAddrs(), n)
				bare += time.Since(began)
				runtime.GC() // what the client left behind is not counting's
				b.StartTimer()
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
			b.ReportMetric(bare.Seconds()/b.Elapsed().Seconds(), "times-bare-kgo")
			b.ReportMetric(float64(most-min(most, before))/(1<<20), "heap-MiB")
		})
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// readBare polls every record of the rejected topic.
func readBare(b *testing.B, brokers []string, n int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(rejected), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for left := n; left > 0; {
		fetches := client.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			b.Fatal(err)
		}
		left -= fetches.NumRecords()
	}
}

// BenchmarkScan reads the letters and looks at nothing: what is left for counting.
func BenchmarkScan(b *testing.B) {
	const n = 100_000
	_, src := cluster(b, n, pipeline.InvalidCurrency)
	span, err := SpanOf(b.Context(), src, rejected, time.Time{}, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := src.Scan(b.Context(), Span{Topic: rejected, To: span.To}, func(*pipeline.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
}
