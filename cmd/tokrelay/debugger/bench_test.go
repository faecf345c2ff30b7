package debugger

import (
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// BenchmarkSecond is what the page costs a second while nobody looks: one look at the counters of all syncs.
func BenchmarkSecond(b *testing.B) {
	p := busyPage(b)
	for b.Loop() {
		p.sampler.sample()
	}
}

// BenchmarkFollowed is what a browser that follows a page costs a second more.
func BenchmarkFollowed(b *testing.B) {
	p := busyPage(b)
	for name, v := range map[string]view{"overview": p.overview, "calls": p.calls} {
		b.Run(name, func(b *testing.B) {
			r := followRequest("/")
			for b.Loop() {
				data, err := v(r)
				if err == nil {
					err = renderLive(io.Discard, p.frame(name, data))
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// busyPage has an hour behind it and a full memory of calls.
func busyPage(b *testing.B) *Page {
	p := quietPage(b)
	now := time.Now()
	p.sampler.now = func() time.Time { now = now.Add(time.Second); return now }
	counted := metrics.New()
	m := metrics.NewRows(metrics.OfSync(counted, "orders"))
	p.sampler.read = counted.AllCounts
	for i := range 3600 {
		m.Settled(pipeline.Delivered, i)
		m.Rejected(pipeline.Reject(pipeline.StageValidate, pipeline.Reasons()[i%40], "", ""))
		p.sampler.sample()
	}
	for i := range 5000 {
		p.d.Wiring.Calls.Add(pipeline.Call{Sync: "orders", Endpoint: "/event/track/", Items: 1000, Time: now, Batch: "b" + strconv.Itoa(i), Request: make([]byte, 4000)})
	}
	return p
}
