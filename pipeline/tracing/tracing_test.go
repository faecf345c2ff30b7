package tracing_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/tracing"
)

const marked = "jane@example.com"

func chunk(traceparents ...string) *pipeline.Chunk {
	records := make([]pipeline.Record, len(traceparents))
	for i, t := range traceparents {
		records[i] = pipeline.Record{Topic: "orders", Partition: 3, Offset: int64(40 + i), Key: []byte(marked), Value: []byte(marked),
			Headers: []pipeline.Header{{Key: "who", Value: []byte(marked)}, {Key: "traceparent", Value: []byte(t)}}}
	}
	return pipeline.NewChunk(records)
}

func recorded() (*tracing.Sync, *tracetest.InMemoryExporter) {
	kept := tracetest.NewInMemoryExporter()
	t := tracing.Over(sdk.NewTracerProvider(sdk.WithSyncer(kept)))
	return t.Sync(tracing.About{Sync: "web", Group: "tokrelay.web", Server: "business-api.tiktok.com"}), kept
}

// attributes are a span's as text, for comparison.
func attributes(s tracetest.SpanStub) map[string]string {
	m := map[string]string{}
	for _, a := range s.Attributes {
		m[string(a.Key)] = a.Value.String()
	}
	return m
}

func TestAChunksSpanLeadsFromItsWritersToItsCalls(t *testing.T) {
	s, kept := recorded()
	one, two := "00-"+strings.Repeat("1", 32)+"-"+strings.Repeat("a", 16)+"-01", "00-"+strings.Repeat("2", 32)+"-"+strings.Repeat("b", 16)+"-01"
	ctx, span := s.Chunk(t.Context(), chunk(one, two, one, "no traceparent"))
	other, second := s.Chunk(t.Context(), chunk(""))
	_, call := s.Call(t.Context(), tracing.Call{Method: "POST", Endpoint: "/event/track/", Batch: "b1.0", Items: 5, Attempt: 2,
		Chunks: []tracing.Chunk{tracing.ChunkOf(ctx), tracing.ChunkOf(other)}})
	call.Answer(&pipeline.Answer{Verdict: pipeline.Refused, HTTPStatus: 200, Code: 40002, Message: marked, RequestID: "r1", Body: []byte(marked)})
	_, letters := s.Letters(ctx, "tokrelay.rejected", 1)
	letters.End("")
	span.Rows(4, 1)
	span.End("")
	second.End("")
	spans := kept.GetSpans()
	if len(spans) != 4 {
		t.Fatalf("%d spans", len(spans))
	}
	sent, written, handled := spans[0], spans[1], spans[2]
	if handled.Name != "process orders" || len(handled.Links) != 2 {
		t.Errorf("got %s with %d links, want process orders with one per writer", handled.Name, len(handled.Links))
	}
	if sent.Name != "POST /event/track/" || sent.Parent.SpanID() != handled.SpanContext.SpanID() || len(sent.Links) != 1 {
		t.Errorf("got %s below %s with %d links; want the call below its first chunk, linked to the other", sent.Name, sent.Parent.SpanID(), len(sent.Links))
	}
	if written.Parent.SpanID() != handled.SpanContext.SpanID() {
		t.Error("the dead letters are not below the chunk")
	}
	for name, want := range map[string]string{
		"messaging.destination.partition.id": "3", "messaging.kafka.offset": "40", "messaging.batch.message_count": "4",
		"messaging.consumer.group.name": "tokrelay.web", "tokrelay.items": "4", "tokrelay.rejected": "1", "tokrelay.sync": "web",
	} {
		if got := attributes(handled)[name]; got != want {
			t.Errorf("chunk: %s is %q, want %s", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"http.response.status_code": "200", "tiktok.code": "40002", "tiktok.request_id": "r1", "error.type": "40002",
		"http.request.resend_count": "1", "server.address": "business-api.tiktok.com", "tokrelay.batch": "b1.0",
	} {
		if got := attributes(sent)[name]; got != want {
			t.Errorf("call: %s is %q, want %s", name, got, want)
		}
	}
	if text := fmt.Sprintf("%+v", spans); strings.Contains(text, marked) {
		t.Errorf("a row's value, key or header, or TikTok's text is in a span: %s", text)
	}
}

func TestLinksAreBounded(t *testing.T) {
	s, kept := recorded()
	var writers []string
	for i := range 100 {
		writers = append(writers, fmt.Sprintf("00-%032x-%016x-01", i+1, i+1))
	}
	_, span := s.Chunk(t.Context(), chunk(writers...))
	span.End("")
	if got := len(kept.GetSpans()[0].Links); got != 16 {
		t.Errorf("%d links, want 16", got)
	}
}

// TestOffCostsNothing is the promise to everybody who does not trace.
func TestOffCostsNothing(t *testing.T) {
	var off *tracing.Tracer
	s := off.Sync(tracing.About{Sync: "web"})
	c, answer := chunk("", "", ""), &pipeline.Answer{}
	ctx := context.Background()
	allocated := testing.AllocsPerRun(100, func() {
		ctx, span := s.Chunk(ctx, c)
		_, letters := s.Letters(ctx, "t", 1)
		_, call := s.Call(ctx, tracing.Call{Method: "POST", Endpoint: "/event/track/"})
		call.Answer(answer)
		letters.End("")
		span.Rows(1, 1)
		span.End("")
		if span.TraceID() != "" {
			t.Error("a trace without a tracer")
		}
	})
	if allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
	if err := off.Close(ctx); err != nil {
		t.Error(err)
	}
}

// TestACollectorThatRefusesIsToldOnce: rows do not wait for it, and the log is not filled with it.
func TestACollectorThatRefusesIsToldOnce(t *testing.T) {
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) }))
	t.Cleanup(collector.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1") // an export per span
	var log bytes.Buffer
	tracer, err := tracing.FromEnvironment(t.Context(), tracing.Options{Env: os.Getenv, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s := tracer.Sync(tracing.About{Sync: "web"})
	for range 5 {
		_, span := s.Chunk(t.Context(), chunk(""))
		span.End("")
	}
	_ = tracer.Close(t.Context())
	if n := strings.Count(log.String(), "spans are lost"); n != 1 {
		t.Errorf("told %d times, want once: %s", n, log.String())
	}
}

func TestTheEnvironmentTurnsItOn(t *testing.T) {
	endpoint := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318"}
	cases := []struct {
		name, problem string
		on            bool
		env           []string
	}{
		{name: "nothing is asked for"},
		{name: "an endpoint", on: true, env: endpoint},
		{name: "an endpoint for traces", on: true, env: []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:4318/v1/traces"}},
		{name: "the exporter by name", on: true, env: []string{"OTEL_TRACES_EXPORTER=otlp"}},
		{name: "switched off", env: append(slices.Clone(endpoint), "OTEL_SDK_DISABLED=true")},
		{name: "no exporter", env: append(slices.Clone(endpoint), "OTEL_TRACES_EXPORTER=none")},
		{name: "an exporter that is not there", env: []string{"OTEL_TRACES_EXPORTER=zipkin"}, problem: "OTEL_TRACES_EXPORTER"},
		{name: "a protocol that is not there", env: append(slices.Clone(endpoint), "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"), problem: "OTEL_EXPORTER_OTLP_PROTOCOL"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{}
			for _, pair := range c.env {
				name, value, _ := strings.Cut(pair, "=")
				env[name] = value
			}
			tracer, err := tracing.FromEnvironment(t.Context(), tracing.Options{Env: func(name string) string { return env[name] }})
			if (tracer != nil) != c.on || (err != nil) != (c.problem != "") || err != nil && !strings.Contains(err.Error(), c.problem) {
				t.Errorf("got %v, %v; want on %t, problem %q", tracer != nil, err, c.on, c.problem)
			}
			if err := tracer.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
