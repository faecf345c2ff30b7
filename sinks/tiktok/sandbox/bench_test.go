package sandbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// batchOf makes a call of n events as a web shop sends them, with event ids that start with prefix.
func batchOf(n int, prefix string) string {
	events := make([]string, n)
	for i := range events {
		events[i] = fmt.Sprintf(`{"event":"CompletePayment","event_time":%d,"event_id":"%s%032x",`+
			`"user":{"email":"%064x","phone":"%064x","external_id":["%064x"],"ip":"203.0.113.9","user_agent":"Mozilla/5.0 (X11; Linux x86_64)"},`+
			`"page":{"url":"https://shop.example/thanks?order=%d"},"properties":{"currency":"EUR","value":%d.25,"content_type":"product",`+
			`"order_id":"%d","contents":[{"content_id":"sku-%d","quantity":2,"price":10.25}]}}`,
			epoch.Unix()-int64(i), prefix, i, i+1, i+2, i+3, i, i, i, i%100)
	}
	return `{"event_source":"web","event_source_id":"` + DefaultPixel + `","data":[` + strings.Join(events, ",") + `]}`
}

func BenchmarkATrackCallOfAThousandEvents(b *testing.B) {
	s := New(Config{Now: fixed, Limits: NoLimits(), KeepEvents: -1})
	bodies := make([]string, 100)
	for i := range bodies {
		bodies[i] = batchOf(1000, fmt.Sprintf("%04d-", i))
	}
	b.SetBytes(int64(len(bodies[0])))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, base+"/event/track/", strings.NewReader(bodies[n%len(bodies)]))
		r.Header.Set("Access-Token", DefaultToken)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if !strings.HasPrefix(w.Body.String(), `{"code":0,`) {
			b.Fatal(w.Body.String())
		}
		n++
	}
	b.ReportMetric(float64(n)*1000/b.Elapsed().Seconds(), "events/s")
}
