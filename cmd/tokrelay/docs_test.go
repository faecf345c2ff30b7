package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var update = flag.Bool("update", false, "write the configuration reference anew")

func TestEveryExampleOfTheDocsIsValid(t *testing.T) {
	for _, page := range []string{"../../docs/configuration.md", "../../README.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		examples := 0
		for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
			yaml, _, _ := strings.Cut(block, "```")
			if !strings.Contains(yaml, "syncs:") {
				continue
			}
			examples++
			_, report := daemon.Parse([]byte(yaml), settings.Vars(map[string]string{"TIKTOK_ACCESS_TOKEN": "token"}))
			if err := report.Err(); err != nil {
				t.Errorf("%s: example %d: %v", page, examples, err)
			}
		}
		if examples == 0 {
			t.Errorf("%s has no example: the test looks at nothing", page)
		}
	}
}

const referencePage = "../../docs/configuration-reference.md"

func TestTheConfigurationReferenceIsUpToDate(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Configuration reference\n\nEvery key, written from the code; a test keeps this page equal to it. Examples are in [configuration.md](configuration.md).\n\n")
	b.WriteString("| key | meaning | default |\n|---|---|---|\n")
	reference(&b, "", settings.Schema(daemon.Config{}))
	if *update {
		if err := os.WriteFile(referencePage, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the code says; run go test ./cmd/tokrelay -run Reference -update", referencePage)
	}
}

// reference writes the keys of a schema as rows of a table, section by section.
func reference(b *strings.Builder, path string, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		key := strings.TrimPrefix(path+"."+name, ".")
		p, _ := properties[name].(map[string]any)
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", key, cell(describe(p)), cell(fallback(p)))
		reference(b, key, p)
		if items, ok := p["items"].(map[string]any); ok {
			reference(b, key+"[]", items)
		}
		if values, ok := p["additionalProperties"].(map[string]any); ok {
			reference(b, key+".*", values)
		}
	}
}

func describe(p map[string]any) string {
	text, _ := p["description"].(string)
	if enum, ok := p["enum"].([]string); ok {
		text = strings.TrimSuffix(strings.TrimSpace(text), ".") + " (" + strings.Join(enum, ", ") + ")"
	}
	return strings.TrimSpace(text)
}

func fallback(p map[string]any) string {
	if value, ok := p["default"]; ok && fmt.Sprint(value) != "" {
		return fmt.Sprintf("`%v`", value)
	}
	return ""
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
