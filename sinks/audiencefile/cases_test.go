package audiencefile

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var update = flag.Bool("update", false, "write what is made of testdata as expected")

// fileConfig is the part of a sync that matters here.
type fileConfig struct {
	AudienceFile Config `yaml:"audience_file"`
}

func loadCase(t *testing.T, path string) (*Config, *settings.Report) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := fileConfig{}
	report := settings.Load(text, &c, settings.Lookup{})
	c.AudienceFile.Validate(settings.Root(report).Key("audience_file"))
	return &c.AudienceFile, report
}

// TestRowsBecomeLinesOrRejections runs every folder of testdata/rows: config.yaml, rows.ndjson (an object is an insert,
// {"op":…,"before":…,"after":…} a change, # a remark), and expected.ndjson: what preview prints.
func TestRowsBecomeLinesOrRejections(t *testing.T) {
	folders, err := filepath.Glob("testdata/rows/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("testdata has %d folders: %v", len(folders), err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { runCase(t, folder) })
	}
}

func runCase(t *testing.T, folder string) {
	cfg, report := loadCase(t, filepath.Join(folder, "config.yaml"))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	cols := &mapping.Columns{}
	plan, err := New(*cfg, cols, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := os.ReadFile(filepath.Join(folder, "rows.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	maker, items, row := plan.Maker(), pipeline.Items{}, 0
	for line := range strings.Lines(string(rows)) {
		if line[0] == '#' {
			got.WriteString(line)
			continue
		}
		row++
		items.Reset()
		printCase(t, &got, row, &items, maker.Make(&items, 0, changeOf(t, cols, line)))
	}
	compare(t, filepath.Join(folder, "expected.ndjson"), got.String())
}

func printCase(t *testing.T, out *bytes.Buffer, row int, items *pipeline.Items, err error) {
	if skip, ok := errors.AsType[pipeline.SkipReason](err); ok {
		fmt.Fprintf(out, `{"row":%d,"outcome":"skip","reason":%q}`+"\n", row, string(skip))
	} else if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		if r.Reason.Info().Meaning == "" || r.Rule == "" {
			t.Errorf("row %d: %v: no such reason, or no rule", row, r)
		}
		fmt.Fprintf(out, `{"row":%d,"outcome":"reject","stage":%q,"reason":%q,"field":%q,"rule":%q}`+"\n", row, r.Stage, r.Reason, r.Field, r.Rule)
	} else if err != nil {
		t.Errorf("row %d: neither a rejection nor a skip: %v", row, err)
	}
	if err != nil && len(items.List)+len(items.Buf) > 0 {
		t.Errorf("row %d: a row that is not sent left %v behind", row, items)
	}
	for i := range items.List {
		if !json.Valid(items.Body(i)) {
			t.Errorf("row %d: not JSON", row)
		}
		fmt.Fprintf(out, `{"row":%d,"outcome":"deliver","item":%s}`+"\n", row, items.Body(i))
	}
}

// changeOf reads a row of a case.
func changeOf(t *testing.T, cols *mapping.Columns, line string) *pipeline.Change {
	t.Helper()
	row := map[string]any{}
	if err := json.Unmarshal([]byte(line), &row); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	c := &pipeline.Change{Op: pipeline.Insert}
	before, after := map[string]any(nil), row
	if op, ok := row["op"].(string); ok {
		c.Op = map[string]pipeline.Op{"c": pipeline.Insert, "u": pipeline.Update, "d": pipeline.Delete}[op]
		before, _ = row["before"].(map[string]any)
		after, _ = row["after"].(map[string]any)
	}
	names, _ := cols.Wanted()
	c.Shape = &pipeline.Shape{Names: names}
	c.Before, c.After = imageOf(t, names, before), imageOf(t, names, after)
	return c
}

func imageOf(t *testing.T, names []string, row map[string]any) pipeline.Image {
	if row == nil {
		return pipeline.Image{}
	}
	image := pipeline.Image{Present: true}
	for _, name := range names {
		image.Values = append(image.Values, valueOf(t, row[name]))
	}
	return image
}

func valueOf(t *testing.T, v any) pipeline.Value {
	switch v := v.(type) {
	case nil:
		return pipeline.NullValue()
	case bool:
		return pipeline.BoolValue(v)
	case float64:
		return pipeline.IntValue(int64(v))
	case string:
		return pipeline.StringValue([]byte(v))
	case []any:
		var list []pipeline.Value
		for _, e := range v {
			list = append(list, valueOf(t, e))
		}
		return pipeline.ListValue(list)
	}
	t.Fatalf("a value of type %T", v)
	return pipeline.Value{}
}

// TestProblemsOfAConfigurationAreAllReported runs every file of testdata/config; what is expected is next to it.
func TestProblemsOfAConfigurationAreAllReported(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata has %d files: %v", len(files), err)
	}
	for _, file := range files {
		_, report := loadCase(t, file)
		var got strings.Builder
		for _, p := range report.Problems() {
			fmt.Fprintf(&got, "%s\n", p)
		}
		compare(t, strings.TrimSuffix(file, ".yaml")+".txt", got.String())
	}
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\n got:\n%s\nwant:\n%s", path, got, want)
	}
}

func TestMakingLinesAllocatesNothing(t *testing.T) {
	cfg, _ := loadCase(t, "testdata/rows/emails/config.yaml")
	cfg.MemberWhen = "" // the expression library allocates
	cols := &mapping.Columns{}
	plan, err := New(*cfg, cols, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	change, maker, lines := changeOf(t, cols, `{"email":"alice_abc@gmail.com"}`), plan.Maker(), make([]byte, 0, 64)
	allocs := testing.AllocsPerRun(1000, func() {
		if lines, err = maker.Lines(lines[:0], change); err != nil || len(lines) != 32 {
			t.Fatalf("got %d bytes, %v", len(lines), err)
		}
	})
	if allocs != 0 {
		t.Errorf("got %v allocations a row, want none", allocs)
	}
}
