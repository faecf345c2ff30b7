package daemon

import (
	"maps"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// troubleIs compares tokrelay_trouble with the kinds that are on; all others have to be there and 0.
func troubleIs(t *testing.T, w *Wiring, on ...pipeline.TroubleKind) {
	t.Helper()
	got, want := map[string]float64{}, map[string]float64{}
	for _, kind := range pipeline.TroubleKinds {
		want[string(kind)] = 0
	}
	for _, kind := range on {
		want[string(kind)] = 1
	}
	families, err := w.Metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "tokrelay_trouble" {
			continue
		}
		for _, series := range f.Metric {
			if series.Label[1].GetValue() != "web" {
				t.Errorf("labels are %v", series.Label)
			}
			got[series.Label[0].GetValue()] += series.GetGauge().GetValue()
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTroubleLastsAsLongAsAnySourceHasIt(t *testing.T) {
	status := pipeline.NewStatus(time.Now)
	w := &Wiring{Metrics: metrics.New(), Status: status}
	w.newMetrics(&Sync{Name: "web"})
	troubleIs(t, w)
	for _, source := range []string{"start", "kafka broker"} {
		status.Set("web", source, &pipeline.Trouble{Kind: pipeline.TroubleKafka})
	}
	status.Set("web", "delivery", &pipeline.Trouble{Kind: pipeline.TroubleToken})
	troubleIs(t, w, pipeline.TroubleKafka, pipeline.TroubleToken)
	status.Clear("web", "start")
	troubleIs(t, w, pipeline.TroubleKafka, pipeline.TroubleToken)
	status.Clear("web", "kafka broker")
	status.Clear("web", "delivery")
	troubleIs(t, w)
}
