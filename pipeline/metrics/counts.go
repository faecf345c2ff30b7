package metrics

import (
	"fmt"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Counts are a sync's counters and gauges at one moment, for the page and for reports.
type Counts struct {
	Records     int64
	Unsettled   int64
	Settled     map[pipeline.Outcome]int64
	Rejected    map[pipeline.Reason]int64
	Skipped     map[pipeline.SkipReason]int64
	Calls       map[string]int64 // by TikTok's code, HTTP status or "network"
	Assigned    int64            // partitions this instance reads
	LagRecords  int64            // of all of them
	LagSeconds  float64          // of the one that is furthest behind
	InFlight    int64            // calls under way
	LastSuccess time.Time        // when TikTok last accepted a call; zero: not yet
}

// AllSettled is how many rows have settled, however they did.
func (c *Counts) AllSettled() (n int64) {
	for outcome, rows := range c.Settled {
		if outcome != pipeline.Unsettled {
			n += rows
		}
	}
	return n
}

func newCounts() *Counts {
	return &Counts{Settled: map[pipeline.Outcome]int64{}, Rejected: map[pipeline.Reason]int64{},
		Skipped: map[pipeline.SkipReason]int64{}, Calls: map[string]int64{}}
}

// Counts reads the counters of one sync.
func (r *Registry) Counts(sync string) (Counts, error) {
	all, err := r.AllCounts()
	if c := all[sync]; c != nil {
		return *c, err
	}
	return *newCounts(), err
}

// AllCounts reads the counters of every sync at once.
func (r *Registry) AllCounts() (map[string]*Counts, error) {
	families, err := r.Registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	all := map[string]*Counts{}
	for _, f := range families {
		for _, s := range f.Metric {
			sync := label(s, "sync")
			if sync == "" {
				continue
			}
			if all[sync] == nil {
				all[sync] = newCounts()
			}
			all[sync].add(f.GetName(), s)
		}
	}
	return all, nil
}

func (c *Counts) add(name string, s *dto.Metric) {
	value := s.GetCounter().GetValue() + s.GetGauge().GetValue()
	n := int64(value)
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
		if n > 0 {
			c.Rejected[pipeline.Reason(label(s, "reason"))] += n
		}
	case "tokrelay_rows_skipped_total":
		c.Skipped[pipeline.SkipReason(label(s, "reason"))] += n
	case "tokrelay_http_requests_total":
		if n > 0 {
			c.Calls[label(s, "code")] += n
		}
	case "tokrelay_partitions_assigned":
		c.Assigned += n
	case "tokrelay_consumer_lag_records":
		c.LagRecords += n
	case "tokrelay_consumer_lag_seconds":
		c.LagSeconds = max(c.LagSeconds, value)
	case "tokrelay_http_in_flight":
		c.InFlight += n
	case "tokrelay_last_success_timestamp_seconds":
		if value > 0 {
			c.LastSuccess = time.UnixMilli(int64(value * 1000))
		}
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
