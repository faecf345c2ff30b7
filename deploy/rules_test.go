package deploy_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// rule is an alerting or recording rule.
type rule struct {
	Alert, Record, Expr string
	For                 string            `yaml:"for"`
	Labels              map[string]string `yaml:"labels"`
	Annotations         map[string]string `yaml:"annotations"`
}

func rules(t *testing.T) (list []rule) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []rule
		}
	}
	readYAML(t, "prometheus/rules.yml", &file)
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) == 0 {
		t.Fatal("rules.yml has no rules: the test looks at nothing")
	}
	return list
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// withRecorded adds the recorded metrics to those the program exports.
func withRecorded(t *testing.T) map[string]map[string]bool {
	t.Helper()
	known := series(t)
	for _, r := range rules(t) {
		if r.Record != "" {
			known[r.Record] = labelSet(labelsOf(r.Expr)...)
		}
	}
	return known
}

func TestRulesNameMetricsThatExist(t *testing.T) {
	known := withRecorded(t)
	for _, r := range rules(t) {
		for _, problem := range unknown(r.Expr, known) {
			t.Errorf("%s%s: %s", r.Alert, r.Record, problem)
		}
	}
}

func TestAnUnknownNameIsFound(t *testing.T) {
	known := series(t)
	for expr, want := range map[string]string{
		`rate(tokrelay_recods_total[5m])`:                                   "no metric tokrelay_recods_total",
		`sum by (sync) (rate(tokrelay_records_total{partition="3"}[5m]))`:   "tokrelay_records_total has no label partition",
		`sum by (endpoint) (rate(tokrelay_records_total{sync=~"a|b"}[5m]))`: "grouped by endpoint, which no metric of it has",
		`time() - 3`: "no metric found in it",
	} {
		if got := unknown(expr, known); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q, want %q", expr, got, want)
		}
	}
	if got := unknown(`histogram_quantile(0.9, sum by (le, sync) (rate(tokrelay_batch_events_bucket{sink!=""}[5m] offset 1d))) > bool 3`, known); got != nil {
		t.Errorf("a good expression has problems: %q", got)
	}
}

func TestEveryAlertHasALevelATestAndASection(t *testing.T) {
	page, tests := read(t, "../docs/operations/alerts.md"), read(t, "prometheus/rules_test.yml")+read(t, "prometheus/rules_days_test.yml")
	sections := map[string]string{}
	for _, part := range strings.Split(page, "\n## ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		sections[strings.ToLower(heading)] = heading + body
	}
	used := map[string]bool{}
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		if level := r.Labels["severity"]; level != "warning" && level != "critical" {
			t.Errorf("%s has severity %q", r.Alert, level)
		}
		_, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "docs/operations/alerts.md#")
		if !strings.Contains(sections[anchor], r.Alert) {
			t.Errorf("%s: its runbook_url leads to #%s, which does not speak of it", r.Alert, anchor)
		}
		used[anchor] = true
		if !strings.Contains(tests, "alertname: "+r.Alert+"\n        exp_alerts:\n") {
			t.Errorf("%s has no test in which it fires", r.Alert)
		}
	}
	for anchor, body := range sections {
		if !used[anchor] {
			t.Errorf("no alert leads to section %s", anchor)
		}
		if !strings.Contains(body, "**Look:**") || !strings.Contains(body, "**Do:**") {
			t.Errorf("section %s does not say how to look and what to do", anchor)
		}
	}
}
