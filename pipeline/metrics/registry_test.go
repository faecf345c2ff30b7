package metrics_test

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// gather is a family's values by one of its labels.
func gather(t *testing.T, m *metrics.Registry, family, label string) map[string]float64 {
	t.Helper()
	families, err := m.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, series := range f.Metric {
			for _, l := range series.Label {
				if f.GetName() == family && l.GetName() == label {
					values[l.GetValue()] += series.GetCounter().GetValue() + series.GetGauge().GetValue()
				}
			}
		}
	}
	return values
}

func TestEveryReasonHasASeriesBeforeItsFirstRow(t *testing.T) {
	m := metrics.New()
	rows := metrics.NewRows(metrics.OfSync(m, "web"))
	before := gather(t, m, "tokrelay_rows_rejected_total", "reason")
	if len(before) != len(pipeline.Reasons()) {
		t.Errorf("%d series for %d reasons", len(before), len(pipeline.Reasons()))
	}
	c, err := m.Counts("web")
	if err != nil || len(c.Rejected) != 0 || len(c.Calls) != 0 {
		t.Errorf("counts name what has not happened: %v, %v, %v", c.Rejected, c.Calls, err)
	}
	rows.Rejected(&pipeline.Rejection{Stage: pipeline.StageValidate, Reason: pipeline.InvalidCurrency})
	after := gather(t, m, "tokrelay_rows_rejected_total", "reason")
	if len(after) != len(before) || after[string(pipeline.InvalidCurrency)] != 1 {
		t.Errorf("a rejection of invalid_currency left %v", after)
	}
}
