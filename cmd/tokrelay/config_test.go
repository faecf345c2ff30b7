package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// tokrelay runs the command line in this process.
func tokrelay(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	c := command()
	c.SetArgs(args)
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&out)
	c.SetErr(&errs)
	err := c.ExecuteContext(t.Context())
	return out.String(), errs.String(), exitCode(err)
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokrelay.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheExampleIsValid(t *testing.T) {
	text, _, _ := tokrelay(t, "", "config", "example")
	out, errs, code := tokrelay(t, "", "check", "-c", write(t, text))
	if code != exitDone || !strings.Contains(out, "is valid") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	for _, part := range []string{"advertiser_id", "access_token", "pixel_code"} {
		if line := lineWith(errs, part); !strings.Contains(line, part+": is still the example's") {
			t.Errorf("%s: got %q, want a warning that it is the example's", part, line)
		}
	}
	if strings.Count(errs, "\n") != 3 || strings.Contains(errs, "error") {
		t.Errorf("got %s, want three warnings", errs)
	}
	mine := strings.Replace(text, "    # base_url:", "    base_url:", 1)
	if _, errs, _ := tokrelay(t, "", "check", "-c", write(t, mine)); errs != "" {
		t.Errorf("against a sandbox, got %s, want no warning", errs)
	}
}

func TestFiveMistakesAreFiveProblemsWithTheirLines(t *testing.T) {
	text, _, _ := tokrelay(t, "", "config", "example")
	for old, mistake := range map[string]string{
		"brokers: [localhost:9092]":        "brokers: [localhost]",
		"url: http://localhost:8081 ":      "url: ftp://localhost:8081 ",
		"start: earliest ":                 "start: erliest ",
		"pixel_code: CTESTPIXELCODE000000": "pixle_code: CTESTPIXELCODE000000",
		"event_time: occurred_at":          "event_time: {column: occurred_at, type: fortnights}",
	} {
		if !strings.Contains(text, old) {
			t.Fatalf("the example has no %q any more", old)
		}
		text = strings.Replace(text, old, mistake, 1)
	}
	_, errs, code := tokrelay(t, "", "check", "-c", write(t, text))
	if code != exitUsage {
		t.Errorf("exit code %d, want %d", code, exitUsage)
	}
	for _, path := range []string{"kafka.brokers[0]", "schema_registry.url", "syncs[0].start", "web_events.pixle_code", "fields.event_time.type"} {
		if line := lineWith(errs, path); !regexp.MustCompile(`\.yaml:[0-9]+:[0-9]+: error: `).MatchString(line) {
			t.Errorf("no problem with a line at %s in\n%s", path, errs)
		}
	}
}

func lineWith(text, part string) string {
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

func TestTheSchemaIsJSONAndKnowsEverySection(t *testing.T) {
	out, _, code := tokrelay(t, "", "config", "schema")
	var schema struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(out), &schema); err != nil || code != exitDone {
		t.Fatalf("exit %d: %v", code, err)
	}
	for _, section := range []string{"kafka", "schema_registry", "connections", "dead_letter", "admin", "syncs"} {
		if schema.Properties[section] == nil {
			t.Errorf("the schema has no %s", section)
		}
	}
}

func TestTheEffectiveConfigurationHoldsNoSecret(t *testing.T) {
	t.Setenv("TIKTOK_ACCESS_TOKEN", "marked-secret")
	text, _, _ := tokrelay(t, "", "config", "example")
	out, errs, code := tokrelay(t, "", "config", "print", "-c", write(t, text))
	if code != exitDone || !strings.Contains(out, "pixel_code") {
		t.Errorf("exit %d\n%s%s", code, out, errs)
	}
	if strings.Contains(out+errs, "marked-secret") {
		t.Error("the access token is printed")
	}
}

func TestMistakesOfUsageExitWithTwo(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown flag":       {"run", "--nonsense"},
		"no such file":       {"run", "-c", filepath.Join(t.TempDir(), "none.yaml")},
		"argument too many":  {"check", "extra"},
		"rows missing":       {"preview", "-c", "x.yaml"},
		"time that is none":  {"preview", "--rows", "-", "--now", "noon"},
		"log level unknown":  {"run", "--log-level", "loud"},
		"unknown log format": {"run", "--log-format", "xml"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, code := tokrelay(t, "", args...); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
		})
	}
}

func TestCtrlCIsNotAnErrorOfAContext(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	err := fmt.Errorf("list topics: %w", context.Canceled)
	if got := lastWords(gone, err); got != "interrupted" {
		t.Errorf("got %q, want interrupted", got)
	}
	if got := lastWords(t.Context(), err); got != err.Error() {
		t.Errorf("without Ctrl-C: got %q, want the error", got)
	}
	if got := lastWords(gone, errReported); got != "" {
		t.Errorf("got %q of what was said before", got)
	}
}
