package metrics

import "github.com/tokrelay/tokrelay/pipeline"

// Sync binds the metrics of one sync; sink is its sink's kind: events, segment or audiencefile.
func (m *Metrics) Sync(sync, sink string, rows *Rows) *Sync {
	s := &Sync{m: m, sync: sync, sink: sink, Rows: rows}
	s.bind()
	return s
}

// Calls makes the series of calls to an endpoint. TikTok's other codes appear with the first answer that has them.
func (s *Sync) Calls(endpoint string) {
	for _, code := range []string{"0", "network"} {
		s.m.requests.WithLabelValues(s.sync, s.sink, endpoint, code)
	}
	s.m.requestSeconds.WithLabelValues(s.sync, s.sink, endpoint)
	for _, v := range []pipeline.Verdict{pipeline.Retry, pipeline.Throttled, pipeline.Denied, pipeline.Broken} {
		s.m.retries.WithLabelValues(s.sync, s.sink, v.String())
	}
	for _, result := range []string{"accepted", "partial", "rejected", "dead_lettered"} {
		s.m.batches.WithLabelValues(s.sync, s.sink, result)
	}
}
