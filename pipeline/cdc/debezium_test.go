package cdc

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// TestWhatDebeziumWroteIsRead decodes every captured record, all columns, with the plan and with goavro alone. What is
// read is in testdata/read, to be reviewed like code.
func TestWhatDebeziumWroteIsRead(t *testing.T) {
	dirs, err := filepath.Glob("testdata/debezium/*/records.ndjson")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no captures: %v", err)
	}
	for _, file := range dirs {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) { readBack(t, dir) })
	}
}

func readBack(t *testing.T, dir string) {
	c := readCapture(t, dir)
	cfg := Config{}
	if filepath.Base(dir) == "eight-bytes" {
		cfg.Framing.IDBytes = 8
	}
	got := readAll(t, c, cfg)
	cfg.Decoder = decoderGoavro
	if slow := readAll(t, c, cfg); slow != got {
		t.Error("goavro alone reads something else than the plan")
	}
	file := "testdata/read/" + filepath.Base(dir) + ".txt"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func readAll(t *testing.T, c capture, cfg Config) string {
	t.Helper()
	var log bytes.Buffer
	cfg.Log = slog.New(slog.NewTextHandler(&log, nil))
	d, err := NewDecoder(settings.WithDefaults(cfg), Wanted{All: true}, c.schemas, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var ch pipeline.Change
	for i := range c.records {
		fmt.Fprintf(&b, "%s\n", c.records[i].Position())
		err := d.Decode(t.Context(), &c.records[i], &ch)
		for line := range strings.Lines(describe(&ch, err)) {
			b.WriteString("  " + strings.TrimRight(line, " \n") + "\n")
		}
	}
	if log.Len() > 0 {
		t.Errorf("something to say about a schema:\n%s", log.String())
	}
	return b.String()
}
