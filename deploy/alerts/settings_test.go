//go:build alerts

package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// change is a place of a shipped file that the proof needs otherwise.
type change struct{ from, to string }

// shipped reads a file that is shipped and applies the changes; each must find its place.
func shipped(t *testing.T, path string, changes ...change) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for _, c := range changes {
		if !strings.Contains(text, c.from) {
			t.Fatalf("%s does not have %q any more", path, c.from)
		}
		text = strings.ReplaceAll(text, c.from, c.to)
	}
	return text
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	waits   = regexp.MustCompile(`(?m)^(\s+for: )\w+$`)
	windows = regexp.MustCompile(`\[(\d+m|1h|2h)\]`)
	every30 = regexp.MustCompile(`interval: 30s`)
)

// quickRules are the shipped rules with the patience of a test: the same expressions over seconds.
func quickRules(t *testing.T) string {
	text := shipped(t, "../prometheus/rules.yml")
	text = waits.ReplaceAllString(text, "${1}2s")
	text = windows.ReplaceAllString(text, "[12s]")
	return every30.ReplaceAllString(text, "interval: 1s")
}

// prometheusConfig is the shipped one, with the addresses and the pace of a test.
func prometheusConfig(t *testing.T, rules, relay, manager string) string {
	return shipped(t, "../prometheus/prometheus.yml",
		change{"scrape_interval: 15s", "scrape_interval: 1s"}, change{"evaluation_interval: 30s", "evaluation_interval: 1s"},
		change{"/etc/prometheus/rules.yml", rules}, change{"alertmanager:9093", manager}, change{"tokrelay:8080", relay})
}

// managerConfig is the shipped one; its channels lead to people on this machine.
func managerConfig(t *testing.T, dir string, p *people) string {
	templates, err := filepath.Abs("../alertmanager/templates.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	return shipped(t, "../alertmanager/alertmanager.yml",
		change{"smtp_smarthost: smtp.example.com:587", fmt.Sprintf("smtp_smarthost: %s\n  smtp_require_tls: false\n  smtp_hello: localhost\n  pagerduty_url: %s/pagerduty", p.smtp.Addr(), p.http.URL)},
		change{"/etc/alertmanager/secrets/slack-url", write(t, dir, "slack-url", p.http.URL+"/slack")},
		change{"/etc/alertmanager/secrets/pagerduty-key", write(t, dir, "pagerduty-key", "the-routing-key")},
		change{"/etc/alertmanager/templates.tmpl", templates},
		change{"- sigv4: {region: eu-central-1}", fmt.Sprintf("- api_url: %s/sns/\n        sigv4: {region: eu-central-1, access_key: dummy, secret_key: dummy}", p.http.URL)},
		change{"http://sms-bridge:9099", p.http.URL},
		change{"group_wait: 10s", "group_wait: 1s"}, change{"group_interval: 1m", "group_interval: 1s"})
}
