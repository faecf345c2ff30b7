package events

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
)

func TestRequestsHoldTheirEventsInTheShapeOfTheAPI(t *testing.T) {
	s := loadSync(t, readFile(t, "testdata/rows/id_column/config.yaml"))
	change := readChange(t, &s.columns, `{"id":"x1","at":"2026-08-01T11:00:00Z"}`)
	var bodies [][]byte
	for i := range 2 {
		if err := s.maker.Make(&s.items, i, change); err != nil {
			t.Fatal(err)
		}
	}
	for i := range s.items.List {
		bodies = append(bodies, s.items.Body(i))
	}
	got := string(s.plan.AppendRequest(nil, s.items.Envelope(0), bodies))
	start, end := `{"event_source":"web","event_source_id":"CTESTPIXELCODE000000","data":[{"event":"Purchase",`, `}]}`
	if !json.Valid([]byte(got)) || !strings.HasPrefix(got, start) || !strings.HasSuffix(got, end) {
		t.Errorf("got %s\nwant %s … %s", got, start, end)
	}
}

// TestMatchKeysAreCounted: each key is a share of "any", which counts all events of the name.
func TestMatchKeysAreCounted(t *testing.T) {
	config := syncConfig{}
	load(t, `
web_events:
  pixel_code: CTESTPIXELCODE000000
  custom_events: true
  event: {column: name, map: {two: [Purchase, Lead]}}
  require_identifier: false
  fields: {event_time: {now: true}, page.url: {value: "https://x.example/"}, user.email: email, user.phone: phone, user.ttclid: click, user.ip: ip, user.user_agent: ua}`, &config)
	m := NewMetrics(nil, metrics.NewRows(nil))
	s, cols := &testSync{}, &mapping.Columns{}
	plan, err := New(config.WebEvents, cols, func() time.Time { return caseNow }, m)
	if err != nil {
		t.Fatal(err)
	}
	maker := plan.Maker()
	for _, row := range []string{
		`{"name":"Purchase","email":"a@x.example","ip":"203.0.113.9"}`,
		`{"name":"two","phone":"+12133734253","click":"c","ip":"203.0.113.9","ua":"Mozilla"}`,
		`{"name":"ours"}`, `{"name":"ours_too","email":"a@x.example"}`,
		`{"name":"Purchase","email":"broken"}`,
	} {
		err = errors.Join(err, maker.Make(&s.items, 0, readChange(t, cols, row)))
	}
	if err == nil || strings.Count(err.Error(), "\n") > 0 {
		t.Fatalf("got %v, want the last row alone rejected", err)
	}
	for count, want := range map[string]float64{
		"Purchase any": 2, "Purchase email": 1, "Purchase phone": 1, "Purchase ttclid": 1, "Purchase ip_ua": 1,
		"Lead any": 1, "Lead email": 0, "Lead phone": 1, "custom any": 2, "custom email": 1, "custom ip_ua": 0,
	} {
		event, key, _ := strings.Cut(count, " ")
		if got := counted(t, m.matchKeys.WithLabelValues(event, key)); got != want {
			t.Errorf("%s: got %v, want %v", count, got, want)
		}
	}
}

func counted(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	out := &dto.Metric{}
	if err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	return out.GetCounter().GetValue()
}
