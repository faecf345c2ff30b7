package daemon_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

// sink is a collector that speaks OTLP over HTTP.
type sink struct {
	mu      sync.Mutex
	bodies  []string
	service string
	spans   []*spans.Span
	wrong   []string
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	var request collector.ExportTraceServiceRequest
	if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		s.wrong = append(s.wrong, r.Method+" "+r.URL.Path)
		http.Error(w, "not OTLP", http.StatusBadRequest)
		return
	}
	s.bodies = append(s.bodies, string(body))
	for _, resource := range request.ResourceSpans {
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" {
				s.service = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			s.spans = append(s.spans, scope.Spans...)
		}
	}
}

var exemplar = regexp.MustCompile(`(?m)^(tokrelay_\w+_seconds)_bucket\{.*# \{trace_id="([0-9a-f]{32})"\}`)

// TestTracesReachACollector runs the daemon with what an operator sets, and reads what the collector got.
func TestTracesReachACollector(t *testing.T) {
	collector := &sink{}
	server := httptest.NewServer(collector)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_SERVICE_NAME", "shop-to-tiktok")
	tracer, err := tracing.FromEnvironment(t.Context(), tracing.Options{Env: os.Getenv, Version: "1.0.0"})
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, newCluster(t), daemon.Options{Tracer: tracer})
	const rows = 200
	r.produce("orders", orders(rows)...)
	r.until("everything has settled", func(string) bool {
		c, err := r.Wiring.Metrics.Counts("orders")
		return err == nil && c.Records == rows && c.Unsettled == 0
	})
	examples := exemplar.FindAllStringSubmatch(r.scrape("application/openmetrics-text;version=1.0.0"), -1)
	if strings.Contains(r.scrape("text/plain"), "trace_id") {
		t.Error("the text format has exemplars")
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if err := tracer.Close(t.Context()); err != nil {
		t.Error(err)
	}
	collector.check(t, examples)
}

func (s *sink) check(t *testing.T, examples [][]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wrong) > 0 || s.service != "shop-to-tiktok" {
		t.Errorf("refused %v, service %q", s.wrong, s.service)
	}
	byID, traces, names := map[string]*spans.Span{}, map[string]bool{}, map[string]int{}
	for _, span := range s.spans {
		byID[string(span.SpanId)] = span
		traces[hex.EncodeToString(span.TraceId)] = true
		names[span.Name]++
	}
	for child, parent := range map[string]string{"POST /event/track/": "process orders", "send tokrelay.rejected": "process orders"} {
		if names[child] == 0 {
			t.Errorf("no span %s among %v", child, names)
		}
		for _, span := range s.spans {
			if above := byID[string(span.ParentSpanId)]; span.Name == child && (above == nil || above.Name != parent) {
				t.Errorf("%s is not below %s", child, parent)
			}
		}
	}
	if n := names["process orders"]; n == 0 || n > 20 {
		t.Errorf("%d spans of chunks for 200 rows: want few, and never one per row", n)
	}
	seen := map[string]bool{}
	for _, e := range examples {
		seen[e[1]] = true
		if !traces[e[2]] {
			t.Errorf("%s names the trace %s, which the collector does not have", e[1], e[2])
		}
	}
	for _, name := range []string{"tokrelay_http_request_seconds", "tokrelay_batch_wait_seconds", "tokrelay_dlq_produce_seconds"} {
		if !seen[name] {
			t.Errorf("%s has no exemplar; those that have: %v", name, seen)
		}
	}
	sum := sha256.Sum256([]byte("p1@example.com"))
	for _, body := range s.bodies {
		for _, secret := range []string{"example.com", "Taler", "order-1", "{broken", hex.EncodeToString(sum[:])} {
			if strings.Contains(body, secret) {
				t.Errorf("a span has %q of a row", secret)
			}
		}
	}
}
