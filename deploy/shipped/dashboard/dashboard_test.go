// Package dashboard asks the queries of the shipped dashboard of Prometheus' own engine, over the metrics of a real demo
// and the shipped rules, and draws what they answer.
package dashboard

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
)

var update = flag.Bool("update", false, "draw docs/images/dashboard.svg again")

const picture = "../../../docs/images/dashboard.svg"

type panel struct {
	Type, Title string
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct{ Expr, LegendFormat string }
	FieldConfig struct{ Defaults struct{ Unit string } }
}

type curve struct {
	name   string
	points []promql.FPoint
}

// silent are the panels that may show nothing, and why.
var silent = map[string]string{
	"A run's reading": "an upload of the demo may be over between two scrapes",
}

var legend = regexp.MustCompile(`\{\{(\w+)\}\}`)

func TestThePanelsShowTheDemo(t *testing.T) {
	text, err := os.ReadFile("../../grafana/dashboards/tokrelay.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels      []panel
		Annotations struct{ List []struct{ Name, Expr string } }
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	w := watchTheDemo(t)
	// Grafana's variables at "All", and a rate over eight scrapes.
	variables := strings.NewReplacer("$__rate_interval", "4s", "$sync", ".*", "$instance", ".*", "$topic", ".*", "$sink", ".*")
	shown := map[string][]curve{}
	for _, p := range board.Panels {
		if p.Type == "row" {
			continue
		}
		for _, target := range p.Targets {
			matrix, err := w.ask(t, variables.Replace(target.Expr))
			if err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
			for _, s := range matrix {
				name := legend.ReplaceAllStringFunc(target.LegendFormat, func(m string) string { return s.Metric.Get(m[2 : len(m)-2]) })
				shown[p.Title] = append(shown[p.Title], curve{name, s.Floats})
			}
		}
		if silent[p.Title] == "" && len(shown[p.Title]) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
	}
	for _, a := range board.Annotations.List {
		if _, err := w.ask(t, a.Expr); err != nil {
			t.Errorf("annotation %s: %v", a.Name, err)
		}
	}
	t.Logf("%d panels over %s of the demo", len(shown), w.end.Sub(w.start).Round(time.Second))
	if *update {
		if err := os.WriteFile(picture, draw(board.Panels, shown, w.start, w.end), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
