package cdc

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var update = flag.Bool("update", false, "write what is read into the expectations of testdata")

// TestEveryCaseIsReadAsItsFileSays runs testdata/cases: one file, one record. Its parts:
//
//	config.yaml    the sync's settings, and the columns it wants
//	schema.avsc    the writer schema, or the name of a file in testdata/schemas; reference-NAME.avsc what it refers to
//	value.json     the row as goavro is to encode it; or value.hex, bytes written by hand; or value.txt, a value in JSON
//	schema.json    instead of schema.avsc, a JSON Schema; body.txt is the JSON behind the frame
//	frame.hex      what stands before the row of value.json, where it is not Confluent's prefix with id 1
//	key.json       the key, of schema key.avsc; or key.txt; or key-body.txt, JSON behind a frame, of schema key-schema.json
//	headers.txt    name: value, or name: hex:…
//	want.txt       the change, rejection or skip
//
// A record without a value part is a tombstone. The bytes of value.json are made again by goavro every time.
func TestEveryCaseIsReadAsItsFileSays(t *testing.T) {
	files, err := filepath.Glob("testdata/cases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runCase(t, file) })
	}
}

func runCase(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &testCase{t: t, parts: map[string]string{}}
	for _, f := range archive.Files {
		c.parts[f.Name] = string(f.Data)
	}
	c.compare(file, archive, c.run())
}

// compare compares what was read with what the file says, or writes it there.
func (c *testCase) compare(file string, archive *txtar.Archive, got string) {
	c.t.Helper()
	if *update {
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" })
		archive.Files = append(archive.Files, txtar.File{Name: "want.txt", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	if want := c.parts["want.txt"]; got != want && !*update {
		c.t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

type testCase struct {
	t     *testing.T
	parts map[string]string
}

type caseConfig struct {
	Config
	Want     []string   `yaml:"want"`
	All      bool       `yaml:"all"`
	Optional []string   `yaml:"optional"`
	AnyOf    [][]string `yaml:"any_of"`
	Topic    string     `yaml:"topic"`
	Rows     bool       `yaml:"rows"`
	Shown    bool       `yaml:"shown"`  // the rows are only shown
	Unsent   []string   `yaml:"unsent"` // operations the sync skips
	ID       string     `yaml:"id"`     // by which the registry knows the schema: guid, global, fingerprint or name, and which; number 1 if not set
}

// schemaID is the id of the case's schema.
func (c *caseConfig) schemaID(t *testing.T) registry.ID {
	kind, text, _ := strings.Cut(c.ID, " ")
	n, err := strconv.ParseInt(text, 0, 64)
	switch {
	case c.ID == "":
		return registry.ID{Kind: registry.NumberID, N: 1}
	case kind == "name":
		return registry.Named(text)
	case kind == "guid":
		guid, ok := registry.ParseGUID(text)
		if !ok {
			t.Fatalf("id: %q is no GUID", text)
		}
		return registry.ID{Kind: registry.GUIDID, GUID: guid}
	case err != nil:
		t.Fatalf("id: %q is none", c.ID)
	case kind == "number":
		return registry.ID{Kind: registry.NumberID, N: n}
	case kind == "global":
		return registry.ID{Kind: registry.GlobalID, N: n}
	case kind == "fingerprint":
		return registry.ID{Kind: registry.FingerprintID, N: n}
	}
	t.Fatalf("id: %q is none", c.ID)
	return registry.ID{}
}

// config is the case's configuration, and the columns it wants.
func (c *testCase) config() (cfg caseConfig, wanted Wanted) {
	report := settings.Load([]byte(c.parts["config.yaml"]), &cfg, settings.Vars(nil))
	cfg.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		c.t.Fatal(err)
	}
	wanted = Wanted{Columns: cfg.Want, All: cfg.All, AnyOf: cfg.AnyOf}
	if !cfg.Shown {
		wanted.Sent = func(op pipeline.Op) bool { return !slices.Contains(cfg.Unsent, op.String()) }
	}
	for _, w := range cfg.Want {
		wanted.Optional = append(wanted.Optional, slices.Contains(cfg.Optional, w))
	}
	return cfg, wanted
}

// run decodes the record with the plan and, where there is a schema, with goavro alone: both must say the same.
func (c *testCase) run() string {
	cfg, wanted := c.config()
	if cfg.Rows {
		var ch pipeline.Change
		err := NewRows(wanted, cfg.Config).Decode([]byte(strings.TrimSpace(c.parts["value.txt"])), &ch)
		return describe(&ch, err)
	}
	got := c.decode(cfg, wanted)
	cfg.Decoder = decoderGoavro
	if slow := c.decode(cfg, wanted); slow != got {
		c.t.Errorf("goavro reads it otherwise:\n%s\nthe plan:\n%s", slow, got)
	}
	return got
}

func (c *testCase) decode(cfg caseConfig, wanted Wanted) string {
	schemas := caseSchemas{}
	r := pipeline.Record{Topic: cfg.Topic, Value: c.value(schemas, cfg.schemaID(c.t)), Key: c.key(schemas), Headers: c.headers()}
	if r.Topic == "" {
		r.Topic = "shop.public.customer_events"
	}
	d, err := NewDecoder(cfg.Config, wanted, schemas, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var ch pipeline.Change
	err = d.Decode(c.t.Context(), &r, &ch)
	if !bytes.Contains(r.Key, ch.Key) || len(ch.Key) == 0 && len(r.Key) > 0 {
		c.t.Error("the change has another key than the record")
	}
	return describe(&ch, err)
}

func (c *testCase) headers() (headers []pipeline.Header) {
	for line := range strings.Lines(c.parts["headers.txt"]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		h := pipeline.Header{Key: name, Value: []byte(value)}
		if digits, ok := strings.CutPrefix(value, "hex:"); ok {
			h.Value = unhex(c.t, digits)
		}
		headers = append(headers, h)
	}
	return headers
}

func (c *testCase) value(schemas caseSchemas, id registry.ID) []byte {
	if text, ok := c.parts["value.txt"]; ok {
		return []byte(strings.TrimSuffix(text, "\n"))
	}
	if schema, ok := c.parts["schema.json"]; ok {
		schemas[id] = &avro.Source{Text: schema, JSON: true}
		return framed([]byte(strings.TrimSuffix(c.parts["body.txt"], "\n")))
	}
	schema, ok := c.parts["schema.avsc"]
	if ok {
		schemas[id] = &avro.Source{Text: c.schemaText(schema), References: c.references()}
	}
	if digits, ok := c.parts["value.hex"]; ok {
		return unhex(c.t, digits)
	}
	if plain, ok := c.parts["value.json"]; ok {
		body := schemaOf(c.t, c.schemaText(schema), c.references()...).encode(c.t, plain)
		if frame, ok := c.parts["frame.hex"]; ok {
			return append(unhex(c.t, frame), body...)
		}
		return framed(body)
	}
	return nil
}

func (c *testCase) key(schemas caseSchemas) []byte {
	if text, ok := c.parts["key.txt"]; ok {
		return []byte(strings.TrimSuffix(text, "\n"))
	}
	if text, ok := c.parts["key-body.txt"]; ok {
		schemas[registry.ID{Kind: registry.NumberID, N: 2}] = &avro.Source{Text: c.parts["key-schema.json"], JSON: true}
		return append([]byte{0, 0, 0, 0, 2}, strings.TrimSuffix(text, "\n")...)
	}
	plain, ok := c.parts["key.json"]
	if !ok {
		return nil
	}
	text := c.schemaText(c.parts["key.avsc"])
	schemas.add(c.t, 2, text, nil)
	return append([]byte{0, 0, 0, 0, 2}, schemaOf(c.t, text).encode(c.t, plain)...)
}

// schemaText is the text itself or that of the named file.
func (c *testCase) schemaText(text string) string {
	if name := strings.TrimSpace(text); !strings.ContainsAny(name, "{[\"") {
		b, err := os.ReadFile("testdata/schemas/" + name + ".avsc")
		if err != nil {
			c.t.Fatal(err)
		}
		return string(b)
	}
	return text
}

func (c *testCase) references() (refs []avro.Reference) {
	for name, text := range c.parts {
		if ref, ok := strings.CutPrefix(name, "reference-"); ok {
			refs = append(refs, avro.Reference{Name: strings.TrimSuffix(ref, ".avsc"), Text: text})
		}
	}
	slices.SortFunc(refs, func(a, b avro.Reference) int { return strings.Compare(a.Name, b.Name) })
	return refs
}

// caseSchemas knows the schemas of a case by their ids.
type caseSchemas map[registry.ID]*avro.Source

func (s caseSchemas) add(t *testing.T, id int64, text string, refs []avro.Reference) {
	t.Helper()
	s[registry.ID{Kind: registry.NumberID, N: id}] = &avro.Source{Text: text, References: refs}
}

func (s caseSchemas) Schema(_ context.Context, id registry.ID) (*avro.Source, error) {
	if src, ok := s[id]; ok {
		return src, nil
	}
	return nil, pipeline.Reject(pipeline.StageDecode, pipeline.SchemaNotFound, "", "schema "+id.String())
}
