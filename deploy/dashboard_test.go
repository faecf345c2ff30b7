package deploy_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
)

// dashboard is as much of Grafana's model as can be wrong without Grafana.
type dashboard struct {
	UID        string `json:"uid"`
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Annotations struct {
		List []struct{ Name, Expr string }
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ H, W, X, Y int }
	Targets     []struct{ Expr, RefID string }
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "grafana/dashboards/tokrelay.json")), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 20 {
		t.Fatalf("%d panels: the test looks at nothing", len(d.Panels))
	}
	return d
}

func TestTheDashboardNamesMetricsThatExist(t *testing.T) {
	d, known := readDashboard(t), withRecorded(t)
	known["ALERTS"] = labelSet("alertname", "alertstate", "severity", "sync")
	check := func(where, expr string) {
		for _, problem := range unknown(expr, known) {
			t.Errorf("%s: %s", where, problem)
		}
	}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			check(p.Title, target.Expr)
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s asks for nothing", p.Title)
		}
	}
	for _, a := range d.Annotations.List {
		check(a.Name, a.Expr)
	}
}

var (
	variable    = regexp.MustCompile(`\$\{?([a-z]\w*)`)
	labelValues = regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
)

func TestTheDashboardsVariablesExistAndAreUsed(t *testing.T) {
	d, known := readDashboard(t), withRecorded(t)
	text := read(t, "grafana/dashboards/tokrelay.json")
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Type == "query" {
			m := labelValues.FindStringSubmatch(v.Definition)
			if m == nil {
				t.Errorf("variable %s: %q is not label_values(metric, label)", v.Name, v.Definition)
				continue
			}
			if used := metricsOf(m[1]); len(used) != 1 || !known[used[0].name][m[2]] {
				t.Errorf("variable %s: no metric with that label in %s", v.Name, v.Definition)
			}
		}
	}
	used := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		used[m[1]] = true
		if !slices.Contains(names, m[1]) {
			t.Errorf("the dashboard uses $%s, which it does not define", m[1])
		}
	}
	for _, n := range names {
		if !used[n] {
			t.Errorf("variable %s is not used", n)
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	taken, ids := map[string]string{}, map[int]bool{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] {
			t.Errorf("%s has the id of another panel", p.Title)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s reaches beyond the 24 columns", p.Title)
		}
		for y := range p.GridPos.H {
			for x := range p.GridPos.W {
				cell := fmt.Sprint(p.GridPos.X+x, p.GridPos.Y+y)
				if other, ok := taken[cell]; ok && other != p.Title {
					t.Errorf("%s lies over %s", p.Title, other)
					return
				}
				taken[cell] = p.Title
			}
		}
	}
}
