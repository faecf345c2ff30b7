package metrics

import (
	"fmt"

	dto "github.com/prometheus/client_model/go"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Counts are a sync's counters at one moment, for the page and for reports.
type Counts struct {
	Records   int64
	Unsettled int64
	Settled   map[pipeline.Outcome]int64
	Rejected  map[pipeline.Reason]int64
	Skipped   map[pipeline.SkipReason]int64
	Calls     map[string]int64 // by TikTok's code, HTTP status or "network"
}

// Counts reads the counters of one sync.
func (m *Metrics) Counts(sync string) (Counts, error) {
	c := Counts{Settled: map[pipeline.Outcome]int64{}, Rejected: map[pipeline.Reason]int64{},
		Skipped: map[pipeline.SkipReason]int64{}, Calls: map[string]int64{}}
	families, err := m.Registry.Gather()
	if err != nil {
		return c, fmt.Errorf("read metrics: %w", err)
	}
	for _, f := range families {
		for _, s := range f.Metric {
			if label(s, "sync") == sync {
				c.add(f.GetName(), s)
			}
		}
	}
	return c, nil
}

func (c *Counts) add(name string, s *dto.Metric) {
	n := int64(s.GetCounter().GetValue() + s.GetGauge().GetValue())
	switch name {
	case "tokrelay_records_total":
		c.Records += n
	case "tokrelay_unsettled_records":
		c.Unsettled += n
	case "tokrelay_rows_settled_total":
		for _, o := range pipeline.Outcomes {
			if o.String() == label(s, "outcome") {
				c.Settled[o] += n
			}
		}
	case "tokrelay_rows_rejected_total":
		c.Rejected[pipeline.Reason(label(s, "reason"))] += n
	case "tokrelay_rows_skipped_total":
		c.Skipped[pipeline.SkipReason(label(s, "reason"))] += n
	case "tokrelay_http_requests_total":
		c.Calls[label(s, "code")] += n
	}
}

func label(s *dto.Metric, name string) string {
	for _, l := range s.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}
