package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Sync makes the spans of one sync. Nil makes none: its methods return the context they were given, and a nil *Span.
type Sync struct {
	tracer trace.Tracer
	name   attribute.KeyValue
	group  attribute.KeyValue
	server attribute.KeyValue
}

// About says whose spans they are.
type About struct {
	Sync, Group string
	Server      string // host of TikTok's API
}

// Sync binds a tracer to a sync.
func (t *Tracer) Sync(a About) *Sync {
	if t == nil {
		return nil
	}
	return &Sync{tracer: t.tracer, name: attribute.String("tokrelay.sync", a.Sync),
		group: attribute.String("messaging.consumer.group.name", a.Group), server: attribute.String("server.address", a.Server)}
}

// Chunk begins the span of a chunk's handling, from decoding until every row has settled. Where rows carry the trace
// context of their writers, it links to them.
func (s *Sync) Chunk(ctx context.Context, c *pipeline.Chunk) (context.Context, *Span) {
	if s == nil || len(c.Records) == 0 {
		return ctx, nil
	}
	first := &c.Records[0]
	ctx, span := s.tracer.Start(ctx, "process "+first.Topic, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(s.name, s.group,
		attribute.String("messaging.system", "kafka"), attribute.String("messaging.operation.type", "process"),
		attribute.String("messaging.operation.name", "process"),
		attribute.String("messaging.destination.name", first.Topic),
		attribute.Int("messaging.destination.partition.id", int(first.Partition)),
		attribute.Int64("messaging.kafka.offset", first.Offset),
		attribute.Int("messaging.batch.message_count", len(c.Records))))
	if span.IsRecording() {
		link(span, c.Records)
	}
	return ctx, &Span{span}
}

// mostLinks bounds the writers a chunk's span leads to.
const mostLinks = 16

func link(span trace.Span, records []pipeline.Record) {
	seen := map[trace.TraceID]bool{}
	for i := range records {
		if len(seen) == mostLinks {
			return
		}
		writer := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), headers{&records[i]}))
		if id := writer.TraceID(); writer.IsValid() && !seen[id] {
			seen[id] = true
			span.AddLink(trace.Link{SpanContext: writer})
		}
	}
}

// headers reads a record's headers as a propagator wants it.
type headers struct{ *pipeline.Record }

func (h headers) Get(key string) string {
	for _, header := range h.Headers {
		if header.Key == key {
			return string(header.Value)
		}
	}
	return ""
}
func (h headers) Set(string, string) {}
func (h headers) Keys() []string     { return nil }

// Call is an API call about to be made.
type Call struct {
	Method, Endpoint string
	Batch            string // "" outside batches
	Items, Attempt   int
	Chunks           []Chunk // where its items come from
}

// Chunk is a chunk's span, kept by what outlives its context.
type Chunk struct{ context trace.SpanContext }

// ChunkOf is the span that ctx is in.
func ChunkOf(ctx context.Context) Chunk { return Chunk{trace.SpanContextFromContext(ctx)} }

// TraceID is "" where nothing of the trace is kept.
func (c Chunk) TraceID() string { return traceID(c.context) }

// Call begins the span of an API call: below the chunk its first item comes from, with links to the others.
func (s *Sync) Call(ctx context.Context, c Call) (context.Context, *Span) {
	if s == nil {
		return ctx, nil
	}
	var links []trace.Link
	for i, chunk := range c.Chunks {
		if i == 0 {
			ctx = trace.ContextWithSpanContext(ctx, chunk.context)
		} else if chunk.context.IsValid() {
			links = append(links, trace.Link{SpanContext: chunk.context})
		}
	}
	ctx, span := s.tracer.Start(ctx, c.Method+" "+c.Endpoint, trace.WithSpanKind(trace.SpanKindClient), trace.WithLinks(links...),
		trace.WithAttributes(s.name, s.server, attribute.String("http.request.method", c.Method), attribute.String("url.path", c.Endpoint),
			attribute.Int("http.request.resend_count", c.Attempt-1), attribute.String("tokrelay.batch", c.Batch), attribute.Int("tokrelay.items", c.Items)))
	return ctx, &Span{span}
}

// Letters begins the span of a write of dead letters.
func (s *Sync) Letters(ctx context.Context, topic string, n int) (context.Context, *Span) {
	if s == nil {
		return ctx, nil
	}
	ctx, span := s.tracer.Start(ctx, "send "+topic, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(s.name,
		attribute.String("messaging.system", "kafka"), attribute.String("messaging.operation.type", "send"),
		attribute.String("messaging.operation.name", "send"), attribute.String("messaging.destination.name", topic),
		attribute.Int("messaging.batch.message_count", n)))
	return ctx, &Span{span}
}

// Upload begins the span of a file audience's run.
func (s *Sync) Upload(ctx context.Context) (context.Context, *Span) {
	if s == nil {
		return ctx, nil
	}
	ctx, span := s.tracer.Start(ctx, "upload", trace.WithAttributes(s.name))
	return ctx, &Span{span}
}

// Span is something under way. Nil is nothing.
type Span struct{ span trace.Span }

// Rows tells what became of a chunk's rows in the steps.
func (s *Span) Rows(items, rejected int) {
	if s != nil {
		s.span.SetAttributes(attribute.Int("tokrelay.items", items), attribute.Int("tokrelay.rejected", rejected))
	}
}

// Answer tells what came of an API call and ends its span. TikTok's text is not in it: it may repeat what it was sent.
func (s *Span) Answer(a *pipeline.Answer) {
	if s == nil {
		return
	}
	s.span.SetAttributes(attribute.String("tokrelay.verdict", a.Verdict.String()), attribute.String("tiktok.code", a.CodeText()),
		attribute.String("tiktok.request_id", a.RequestID))
	if a.HTTPStatus != 0 {
		s.span.SetAttributes(attribute.Int("http.response.status_code", a.HTTPStatus))
	}
	if !a.IsAccepted() {
		s.span.SetAttributes(attribute.String("error.type", a.CodeText()))
		s.span.SetStatus(codes.Error, a.Verdict.String())
	}
	s.span.End()
}

// End ends the span. what says why it did not succeed, in words of ours; "" that it did.
func (s *Span) End(what string) {
	if s == nil {
		return
	}
	if what != "" {
		s.span.SetStatus(codes.Error, what)
	}
	s.span.End()
}

// TraceID is what an exemplar names; "" where nothing of the trace is kept.
func (s *Span) TraceID() string {
	if s == nil {
		return ""
	}
	return traceID(s.span.SpanContext())
}

func traceID(c trace.SpanContext) string {
	if !c.IsSampled() {
		return ""
	}
	return c.TraceID().String()
}
