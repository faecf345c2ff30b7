package cdc

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

func TestVersionsInterleaveAndAMissingColumnStopsOnlyItsOwn(t *testing.T) {
	schemas := caseSchemas{}
	v1, v2 := `{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"email","type":"string"}]}`,
		`{"type":"record","name":"r","fields":[{"name":"id","type":"string"},{"name":"email_address","type":"string"}]}`
	schemas.add(t, 1, v1, nil)
	schemas.add(t, 2, v2, nil)
	d := decoderFor(t, Config{}, Wanted{Columns: []string{"id", "email"}}, schemas)
	old := pipeline.Record{Value: framed(schemaOf(t, v1).encode(t, `{"id":1,"email":"a"}`))}
	newer := pipeline.Record{Value: append([]byte{0, 0, 0, 0, 2}, schemaOf(t, v2).encode(t, `{"id":"1","email_address":"a"}`)...)}
	var c pipeline.Change
	for range 3 {
		if err := d.Decode(t.Context(), &old, &c); err != nil || c.SchemaID != "1" {
			t.Fatalf("got %v of schema %q, want a change of schema 1", err, c.SchemaID)
		}
		err := d.Decode(t.Context(), &newer, &c)
		if trouble, ok := errors.AsType[*pipeline.Trouble](err); !ok || !trouble.Stop || trouble.Kind != pipeline.TroubleColumn {
			t.Fatalf("got %v, want trouble that stops", err)
		}
	}
}

func TestColumnsThatASchemaLacksAndThatCountAsNullAreLoggedOnce(t *testing.T) {
	text := `{"type":"record","name":"people","fields":[{"name":"id","type":"long"}]}`
	schemas := caseSchemas{}
	schemas.add(t, 1, text, nil)
	var log bytes.Buffer
	d := decoderFor(t, Config{MissingColumn: missingNull, Log: slog.New(slog.NewTextHandler(&log, nil))}, Wanted{Columns: []string{"id", "email"}}, schemas)
	r := pipeline.Record{Value: framed(schemaOf(t, text).encode(t, `{"id":1}`))}
	var c pipeline.Change
	for range 2 {
		if err := d.Decode(t.Context(), &r, &c); err != nil {
			t.Fatal(err)
		}
	}
	if got := log.String(); strings.Count(got, "taken for NULL") != 1 || !strings.Contains(got, "schema=1 record=people columns=[email]") {
		t.Errorf("got %q, want one line that names schema, record and column", got)
	}
}

// lateSchemas know a schema only when told.
type lateSchemas struct {
	known bool
	src   *avro.Source
	asked int
	err   error
}

func (l *lateSchemas) Schema(context.Context, registry.ID) (*avro.Source, error) {
	l.asked++
	if !l.known {
		return nil, l.err
	}
	return l.src, nil
}

func TestASchemaThatComesLateIsUsedAndAskedForOnce(t *testing.T) {
	for _, err := range []error{
		pipeline.Reject(pipeline.StageDecode, pipeline.SchemaNotFound, "", "schema 1"),
		&pipeline.Trouble{Kind: pipeline.TroubleRegistry, What: "away"},
	} {
		l := &lateSchemas{src: &avro.Source{Text: `{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}`}, err: err}
		d := decoderFor(t, Config{}, Wanted{All: true}, l)
		r := pipeline.Record{Value: framed([]byte{2})}
		var c pipeline.Change
		if got := d.Decode(t.Context(), &r, &c); !errors.Is(got, err) {
			t.Fatalf("got %v, want the registry's own error", got)
		}
		l.known = true
		for range 3 {
			if got := d.Decode(t.Context(), &r, &c); got != nil {
				t.Fatal(got)
			}
		}
		if l.asked != 2 {
			t.Errorf("the registry was asked %d times, want 2", l.asked)
		}
	}
}
