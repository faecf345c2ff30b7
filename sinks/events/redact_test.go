package events

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

// countingSync is a sync that counts in the registry.
func countingSync(t *testing.T, config string) (*testSync, *prometheus.Registry) {
	s, reg := loadSync(t, config), prometheus.NewRegistry()
	plan, err := New(s.plan.cfg, &s.columns, func() time.Time { return caseNow }, NewMetrics(reg, metrics.NewRows(reg)))
	if err != nil {
		t.Fatal(err)
	}
	s.plan, s.maker = plan, plan.Maker()
	return s, reg
}

// byLabel are the values of a counter by its label.
func byLabel(t *testing.T, reg *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				values[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
	}
	return values
}

func TestRedactedValuesAreCountedByFieldFromZero(t *testing.T) {
	s, reg := countingSync(t, readFile(t, "testdata/rows/redact/config.yaml"))
	for _, field := range []string{"page.url", "properties.contents", "properties.own", "user.city", "user.ttclid"} {
		if n, ok := byLabel(t, reg, "tokrelay_event_redacted_total")[field]; !ok || n != 0 {
			t.Errorf("%s: got %v %v, want a counter of zero", field, n, ok)
		}
	}
	for _, row := range []string{
		`{"id":"1","click":"c","url":"https://x.example/?a=a@b.cc&b=c@d.ee","items":[{"content_id":"a@b.cc","brand":"a@b.cc"}]}`,
		`{"id":"2","click":"a@b.cc","email":"ada@example.com","own":["a@b.cc"],"city":"a@b.cc"}`,
		`{"id":"3","click":"c","url":"https://x.example/"}`,
	} {
		if err := s.maker.Make(&s.items, 0, readChange(t, &s.columns, row)); err != nil {
			t.Fatal(err)
		}
	}
	got := byLabel(t, reg, "tokrelay_event_redacted_total")
	for field, want := range map[string]float64{"page.url": 1, "properties.contents": 2, "user.ttclid": 1, "properties.own": 1, "user.city": 1, "page.referrer": 0} {
		if got[field] != want {
			t.Errorf("%s: got %v, want %v", field, got[field], want)
		}
	}
	if _, ok := got["user.email"]; ok {
		t.Error("user.email is hashed, and counted here")
	}
}
