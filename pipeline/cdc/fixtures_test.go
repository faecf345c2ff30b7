package cdc

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

// capture is what Debezium wrote with one setting of its converter, as the capture script of deploy/e2e stored it.
type capture struct {
	records []pipeline.Record
	schemas captured
}

// captured answers as the registry of a capture would.
type captured struct {
	ContentIDs map[string]registered            `json:"content_ids"`
	GlobalIDs  map[string]registered            `json:"global_ids"`
	Subjects   map[string]map[string]registered `json:"subjects"`
}

type registered struct {
	Schema     string `json:"schema"`
	References []struct {
		Name    string `json:"name"`
		Subject string `json:"subject"`
		Version int    `json:"version"`
	} `json:"references"`
}

func (c captured) Schema(_ context.Context, id registry.ID) (*avro.Source, error) {
	r, ok := c.ContentIDs[id.String()]
	if !ok {
		r, ok = c.GlobalIDs[id.String()]
	}
	if !ok {
		return nil, pipeline.Reject(pipeline.StageDecode, pipeline.SchemaNotFound, "", "schema "+id.String())
	}
	src := &avro.Source{Text: r.Schema, ID: id.String()}
	c.collect(r, src, map[string]bool{})
	return src, nil
}

func (c captured) collect(r registered, into *avro.Source, seen map[string]bool) {
	for _, ref := range r.References {
		if seen[ref.Subject] {
			continue
		}
		seen[ref.Subject] = true
		of := c.Subjects[ref.Subject][strconv.Itoa(ref.Version)]
		c.collect(of, into, seen)
		into.References = append(into.References, avro.Reference{Name: ref.Name, Text: of.Schema})
	}
}

func readCapture(t *testing.T, dir string) capture {
	t.Helper()
	var c capture
	text, err := os.ReadFile(filepath.Join(dir, "schemas.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &c.schemas); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(filepath.Join(dir, "records.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(lines) {
		c.records = append(c.records, captureRecord(t, line))
	}
	return c
}

func captureRecord(t *testing.T, line []byte) pipeline.Record {
	t.Helper()
	var r struct {
		Topic     string
		Partition int32
		Offset    int64
		Key       []byte `json:"key_b64"`
		Value     []byte `json:"value_b64"`
		Headers   [][2]json.RawMessage
	}
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	out := pipeline.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		var key string
		var value []byte
		if json.Unmarshal(h[0], &key) != nil || json.Unmarshal(h[1], &value) != nil {
			t.Fatalf("a header of %s cannot be read", out.Position())
		}
		out.Headers = append(out.Headers, pipeline.Header{Key: key, Value: value})
	}
	return out
}
