package check

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// TestASyncIsComparedWithItsSchema runs testdata/schemas: a sync, the newest schema of its topic, and what check --online
// says of them.
func TestASyncIsComparedWithItsSchema(t *testing.T) {
	files, err := filepath.Glob("testdata/schemas/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { compareWithSchema(t, file) })
	}
}

var update = flag.Bool("update", false, "write what is said of testdata/schemas into its files")

const aroundSync = "kafka: {brokers: ['localhost:9092']}\nschema_registry: {url: http://localhost:8081}\n" +
	"connections: {main: {advertiser_id: '7000000000000000001', access_token: '${TOKEN}'}}\nsyncs:\n"

func compareWithSchema(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, f := range archive.Files {
		parts[f.Name] = string(f.Data)
	}
	c, report := daemon.Parse([]byte(aroundSync+parts["sync.yaml"]), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	f, err := daemon.NewFlow(&c.Syncs[0], time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, finding := range schemaFindings(f, "schema t-value", &avro.Source{Text: parts["schema.avsc"], ID: "7"}) {
		got.WriteString(finding.State + " " + finding.What + ": " + finding.Says + "\n")
		if finding.Cure != "" {
			got.WriteString("  → " + finding.Cure + "\n")
		}
	}
	if *update {
		archive.Files = append(archive.Files[:2], txtar.File{Name: "want.txt", Data: []byte(got.String())})
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != parts["want.txt"] {
		t.Errorf("got:\n%s\nwant:\n%s", got.String(), parts["want.txt"])
	}
}
