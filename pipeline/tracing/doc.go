// Package tracing makes OpenTelemetry spans of what the daemon does: OpenTelemetry lives here and nowhere else. It is off
// unless the standard OTEL_* variables turn it on, and then a nil *Tracer and a nil *Sync do nothing and cost nothing.
//
// There is a span per chunk, per API call, per write of dead letters and per upload, never one per row. Attributes name
// topics, offsets, counts, codes and TikTok's request id: no key, no value, no header and no body, and no text that came
// from elsewhere (P3). TikTok is a third party: no trace context is sent to it.
package tracing
