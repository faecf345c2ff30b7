package metrics_test

import (
	"maps"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// gather is a family's values by one of its labels.
func gather(t *testing.T, m *metrics.Metrics, family, label string) map[string]float64 {
	t.Helper()
	families, err := m.Registry.Gather()
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

// troubleIs compares tokrelay_trouble with the kinds that are on; all others have to be there and 0.
func troubleIs(t *testing.T, m *metrics.Metrics, on ...pipeline.TroubleKind) {
	t.Helper()
	want := map[string]float64{}
	for _, kind := range pipeline.TroubleKinds {
		want[string(kind)] = 0
	}
	for _, kind := range on {
		want[string(kind)] = 1
	}
	if got := gather(t, m, "tokrelay_trouble", "kind"); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTroubleLastsAsLongAsAnySourceHasIt(t *testing.T) {
	m, status := metrics.New(), pipeline.NewStatus(time.Now)
	m.Troubles(status)
	m.Sync("web", "events")
	troubleIs(t, m)
	for _, source := range []string{"start", "kafka broker"} {
		status.Set("web", source, &pipeline.Trouble{Kind: pipeline.TroubleKafka})
	}
	status.Set("web", "delivery", &pipeline.Trouble{Kind: pipeline.TroubleToken})
	troubleIs(t, m, pipeline.TroubleKafka, pipeline.TroubleToken)
	status.Clear("web", "start")
	troubleIs(t, m, pipeline.TroubleKafka, pipeline.TroubleToken)
	status.Clear("web", "kafka broker")
	status.Clear("web", "delivery")
	troubleIs(t, m)
}

func TestEveryReasonHasASeriesBeforeItsFirstRow(t *testing.T) {
	m := metrics.New()
	s := m.Sync("web", "events")
	before := gather(t, m, "tokrelay_rows_rejected_total", "reason")
	if len(before) != len(pipeline.Reasons()) {
		t.Errorf("%d series for %d reasons", len(before), len(pipeline.Reasons()))
	}
	c, err := m.Counts("web")
	if err != nil || len(c.Rejected) != 0 || len(c.Calls) != 0 {
		t.Errorf("counts name what has not happened: %v, %v, %v", c.Rejected, c.Calls, err)
	}
	s.Rejected(&pipeline.Rejection{Stage: pipeline.StageValidate, Reason: pipeline.InvalidCurrency})
	after := gather(t, m, "tokrelay_rows_rejected_total", "reason")
	if len(after) != len(before) || after[string(pipeline.InvalidCurrency)] != 1 {
		t.Errorf("a rejection of invalid_currency left %v", after)
	}
}
