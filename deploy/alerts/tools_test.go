//go:build alerts

package alerts

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestShippedFilesPassTheToolsOfPrometheus checks what operators copy.
func TestShippedFilesPassTheToolsOfPrometheus(t *testing.T) {
	tool(t, "", "promtool", "check", "rules", "../prometheus/rules.yml")
	tool(t, "", "promtool", "test", "rules", "../prometheus/rules_test.yml", "../prometheus/rules_days_test.yml")
	dir := t.TempDir()
	tool(t, "", "promtool", "check", "config", write(t, dir, "prometheus.yml", shipped(t, "../prometheus/prometheus.yml",
		change{"/etc/prometheus/rules.yml", write(t, dir, "rules.yml", shipped(t, "../prometheus/rules.yml"))})))
	tool(t, "", "amtool", "check-config", write(t, dir, "alertmanager.yml", shipped(t, "../alertmanager/alertmanager.yml",
		change{"/etc/alertmanager/templates.tmpl", write(t, dir, "templates.tmpl", shipped(t, "../alertmanager/templates.tmpl"))})))
}

// TestTheDashboardsExpressionsParse has promtool read them as rules.
func TestTheDashboardsExpressionsParse(t *testing.T) {
	text, err := os.ReadFile("../grafana/dashboards/tokrelay.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	b := strings.Builder{}
	b.WriteString("groups:\n  - name: dashboard\n    rules:\n")
	n := 0
	for _, expr := range expressions(dashboard) {
		expr = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1h", "$__interval", "1m").Replace(expr)
		quoted, err := json.Marshal(expr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "      - {record: \"panel:%d\", expr: %s}\n", n, quoted)
		n++
	}
	if n < 20 {
		t.Fatalf("%d expressions found in the dashboard: the test looks at nothing", n)
	}
	tool(t, "", "promtool", "check", "rules", write(t, t.TempDir(), "dashboard.yml", b.String()))
}

// expressions are all values of the key expr.
func expressions(v any) (list []string) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if expr, ok := value.(string); ok && key == "expr" {
				list = append(list, expr)
			}
			list = append(list, expressions(value)...)
		}
	case []any:
		for _, value := range v {
			list = append(list, expressions(value)...)
		}
	}
	return list
}
