package events

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

// caseNow is the clock of every case.
var caseNow = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// TestRowsBecomeEventsOrRejections runs every folder of testdata: config.yaml (a sync's on, when and web_events),
// rows.ndjson (see rows_test.go; lines with # are remarks), and expected.ndjson, the lines that preview would print.
func TestRowsBecomeEventsOrRejections(t *testing.T) {
	folders, err := filepath.Glob("testdata/rows/*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("testdata has %d folders: %v", len(folders), err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { runCase(t, folder) })
	}
}

func runCase(t *testing.T, folder string) {
	sync := loadSync(t, readFile(t, filepath.Join(folder, "config.yaml")))
	var got bytes.Buffer
	row := 0
	for line := range strings.Lines(readFile(t, filepath.Join(folder, "rows.ndjson"))) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			fmt.Fprintln(&got, line)
			continue
		}
		row++
		sync.preview(t, &got, row, line)
	}
	compare(t, filepath.Join(folder, "expected.ndjson"), got.String())
}

func compare(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Split(readFile(t, path), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(want) || line != want[i] {
			t.Errorf("%s:%d\n got %s\nwant %s", path, i+1, line, strings.Join(want[min(i, len(want)):min(i+1, len(want))], ""))
		}
	}
	if n := strings.Count(got, "\n") + 1; n != len(want) {
		t.Errorf("%s: got %d lines, want %d", path, n, len(want))
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !(*update && errors.Is(err, os.ErrNotExist)) {
		t.Fatal(err)
	}
	return string(text)
}

// syncConfig is the part of a sync that matters here.
type syncConfig struct {
	On        mapping.On `yaml:"on"`
	When      string     `yaml:"when"`
	WebEvents Config     `yaml:"web_events"`
}

// testSync is a sync put together.
type testSync struct {
	columns mapping.Columns
	gate    *mapping.Gate
	plan    *Plan
	maker   *Maker
	items   pipeline.Items
}

func loadSync(t testing.TB, text string) *testSync {
	t.Helper()
	config := syncConfig{}
	report := settings.Load([]byte(text), &config, settings.Lookup{})
	config.WebEvents.Validate(settings.Root(report).Key("web_events"))
	mapping.CheckCondition(config.When, settings.Root(report).Key("when"))
	if err := report.Err(); err != nil {
		t.Fatalf("the configuration has problems:\n%v", err)
	}
	s, now := &testSync{}, func() time.Time { return caseNow }
	var err error
	if s.gate, err = mapping.NewGate(config.On, mapping.EventDefaults, config.When, &s.columns, now); err != nil {
		t.Fatal(err)
	}
	if s.plan, err = New(config.WebEvents, &s.columns, now, nil); err != nil {
		t.Fatal(err)
	}
	s.maker = s.plan.Maker()
	return s
}

// preview prints what becomes of one row.
func (s *testSync) preview(t testing.TB, out *bytes.Buffer, row int, line string) {
	change := readChange(t, &s.columns, line)
	s.items.Reset()
	err := s.gate.Pass(change)
	if err == nil {
		err = s.maker.Make(&s.items, 0, change)
	}
	if err != nil {
		printError(t, out, row, err)
		if len(s.items.List) > 0 || len(s.items.Buf) > 0 {
			t.Errorf("row %d: a row that is not sent left %v behind", row, &s.items)
		}
		return
	}
	for i := range s.items.List {
		if !json.Valid(s.items.Body(i)) {
			t.Errorf("row %d: not JSON: %s", row, s.items.Body(i))
		}
		fmt.Fprintf(out, `{"row":%d,"outcome":"deliver","envelope":{%s},"item":%s}`+"\n", row, s.items.Envelope(i), s.items.Body(i))
	}
}

func printError(t testing.TB, out *bytes.Buffer, row int, err error) {
	switch err := err.(type) {
	case pipeline.SkipReason:
		fmt.Fprintf(out, `{"row":%d,"outcome":"skip","reason":%q}`+"\n", row, string(err))
	case *pipeline.Rejection:
		if err.Reason.Info().Meaning == "" || err.Rule == "" {
			t.Errorf("row %d: %v: no such reason, or no rule", row, err)
		}
		fmt.Fprintf(out, `{"row":%d,"outcome":"reject","stage":%q,"reason":%q,"field":%q,"rule":%q}`+"\n",
			row, err.Stage, err.Reason, err.Field, err.Rule)
	default:
		t.Errorf("row %d: neither a rejection nor a skip: %T %v", row, err, err)
	}
}
