package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var update = flag.Bool("update", false, "write the configuration reference again")

func TestEveryExampleOfTheDocsIsValid(t *testing.T) {
	for _, page := range []string{configurationPage, "../../README.md"} {
		for i, yaml := range examplesOf(t, page) {
			_, report := daemon.Parse([]byte(yaml), settings.Vars(map[string]string{"TIKTOK_ACCESS_TOKEN": "token"}))
			for _, p := range report.Problems() { // warnings too: an example is to be copied
				t.Errorf("%s: example %d: %s", page, i+1, p)
			}
		}
	}
}

const configurationPage = "../../docs/configuration.md"

// examplesOf are the whole configurations of a page.
func examplesOf(t *testing.T, page string) (examples []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		if yaml, _, _ := strings.Cut(block, "```"); strings.Contains(yaml, "syncs:") {
			examples = append(examples, yaml)
		}
	}
	if len(examples) == 0 {
		t.Fatalf("%s has no example: the test looks at nothing", page)
	}
	return examples
}

// TestEveryExampleReadsTheRowsOfItsProducer runs testdata/examples: rows as the producer of an example writes them, and what
// the example's sync makes of them. Each sync of the page has its rows.
func TestEveryExampleReadsTheRowsOfItsProducer(t *testing.T) {
	t.Setenv("TIKTOK_ACCESS_TOKEN", "token")
	for _, yaml := range examplesOf(t, configurationPage) {
		config, _ := daemon.Parse([]byte(yaml), settings.Vars(nil))
		for i := range config.Syncs {
			name := config.Syncs[i].Name
			t.Run(name, func(t *testing.T) { readExample(t, yaml, name) })
		}
	}
}

func readExample(t *testing.T, yaml, name string) {
	file := "testdata/examples/" + name + ".txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, want := archive.Files[0].Data, archive.Files[1].Data
	out, errs, code := tokrelay(t, string(rows), "preview", "-c", write(t, yaml), "--sync", name, "--rows", "-", "--now", "2026-11-22T12:00:00Z")
	if code != exitDone || strings.Contains(errs, "warning") || strings.Contains(errs, "error") {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if *update {
		archive.Files[1].Data = []byte(out)
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if out != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", out, want)
	}
}

var formRow = regexp.MustCompile("(?m)^\\| .+ \\| .+ \\| `((?:[a-z]+\\.)?[a-z_]+: .+)` \\|$")

// TestEveryFormOfAFieldHasAnExampleThatIsTaken holds the table of forms to the keys that a field has, and its examples to Validate.
func TestEveryFormOfAFieldHasAnExampleThatIsTaken(t *testing.T) {
	page, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatal(err)
	}
	examples := formRow.FindAllStringSubmatch(string(page), -1)
	for _, example := range examples {
		fields := map[string]string{"event_time": "at", "user.email": "email", "page.url": "url", "properties.currency": "currency", "properties.contents": "items"}
		name, form, _ := strings.Cut(example[1], ": ")
		fields[name] = form
		var list []string
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			list = append(list, field+": "+fields[field])
		}
		text := strings.Replace(notesText, "event_time: {now: true}, user.email: email, page.url: url", strings.Join(list, ", "), 1)
		if _, report := daemon.Parse([]byte(text), settings.Vars(nil)); report.Err() != nil {
			t.Errorf("%s: %v", example[1], report.Err())
		}
	}
	all := fmt.Sprint(examples)
	for _, form := range (&mapping.Field{}).JSONSchema()["oneOf"].([]any) {
		keys, _ := form.(map[string]any)["properties"].(map[string]any)
		for key := range keys {
			if !strings.Contains(all, key+":") {
				t.Errorf("no example has %s", key)
			}
		}
	}
	for _, key := range []string{"now:", "each: items", "each: contents", "sum:", "content_id:", "["} {
		if !strings.Contains(all, key) {
			t.Errorf("no example has %s", key)
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
