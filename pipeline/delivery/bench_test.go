package delivery

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// benchItems makes the items of a chunk of n rows of about 800 bytes, as an event has.
func benchItems(n int) *pipeline.Items {
	items := &pipeline.Items{}
	body := make([]byte, 800)
	for i := range body {
		body[i] = 'x'
	}
	for row := range n {
		add(items, int32(row), string(body), "web")
	}
	return items
}

func benchQueue(b *testing.B, post func(ctx context.Context, body []byte) pipeline.Answer) *Queue {
	q := New(Config{MaxItems: 1000, MaxBytes: 1_000_000, Retry: settings.WithDefaults(Retry{})}, Deps{
		Sync: "bench", Endpoint: "/event/track/", AppendRequest: appendRequest, Post: post,
		Gate: NewGate(GateConfig{CallsInFlight: 8, Endpoints: map[string]float64{"/event/track/": 1e6}}), DeadLetters: &deadLetters{},
	})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { q.Run(ctx) })
	b.Cleanup(func() { stop(); running.Wait() })
	return q
}

// BenchmarkQueue is what a row costs beside its encoding and TikTok: coalescing, writing the request, settling.
func BenchmarkQueue(b *testing.B) {
	q := benchQueue(b, func(context.Context, []byte) pipeline.Answer { return yes })
	items, records := benchItems(1000), make([]pipeline.Record, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if err := q.Deliver(context.Background(), pipeline.NewChunk(records), items); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}

// BenchmarkThroughput is the share of calls in flight × items a call / latency that a queue reaches with a TikTok that
// answers after 100 ms: 8 × 1000 / 0.1 s is 1.
func BenchmarkThroughput(b *testing.B) {
	const latency, inFlight = 100 * time.Millisecond, 8
	var received atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		received.Add(n)
		<-time.After(latency)
	}))
	b.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight, WriteBufferSize: 64 << 10}
	q := benchQueue(b, func(ctx context.Context, body []byte) pipeline.Answer {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, bytes.NewReader(body))
		if err != nil {
			b.Error(err)
		}
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return away
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return yes
	})
	items, began, rows := benchItems(250), time.Now(), 0
	for b.Loop() { // 32 callers hand over quarters of a call, until a hundred calls are done
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for range 8 {
					if err := q.Deliver(context.Background(), pipeline.NewChunk(make([]pipeline.Record, 250)), items); err != nil {
						b.Error(err)
					}
				}
			})
		}
		all.Wait()
		rows += 64 * 8 * 250
	}
	perSecond := float64(rows) / time.Since(began).Seconds()
	b.ReportMetric(perSecond, "rows/s")
	b.ReportMetric(perSecond/(inFlight*1000/latency.Seconds()), "of-ideal")
}

// BenchmarkBadRows is what it costs to find them: calls for each bad row of a thousand.
func BenchmarkBadRows(b *testing.B) {
	for name, every := range map[string]int{"one": 1000, "twenty": 50, "hundred": 10} {
		b.Run(name, func(b *testing.B) {
			var calls, bad atomic.Int64
			post := refusingBytes(&calls)
			q := benchQueue(b, post)
			for b.Loop() {
				items, records := &pipeline.Items{}, make([]pipeline.Record, 1000)
				for row := range records {
					body := "good"
					if row%every == every/2 {
						body = "bad"
						bad.Add(1)
					}
					add(items, int32(row), body, "web")
				}
				if err := q.Deliver(context.Background(), pipeline.NewChunk(records), items); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(calls.Load())/float64(bad.Load()), "calls/bad-row")
		})
	}
}

// refusingBytes refuses calls that hold a bad row.
func refusingBytes(calls *atomic.Int64) func(context.Context, []byte) pipeline.Answer {
	return func(_ context.Context, body []byte) pipeline.Answer {
		calls.Add(1)
		if bytes.Contains(body, []byte("bad")) {
			return no
		}
		return yes
	}
}
