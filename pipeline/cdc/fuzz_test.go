package cdc

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// FuzzPlanAgreesWithGoavro holds the plan's law: over random schemas and good, damaged and random bytes, the plan and
// goavro both refuse, or both read the same, whichever columns are wanted. A value beyond the limits is refused before
// goavro sees it.
func FuzzPlanAgreesWithGoavro(f *testing.F) {
	for i := range 64 {
		f.Add(bytes.Repeat([]byte{byte(i), byte(i * 7), byte(i * 31)}, 40), []byte{byte(i), 2, 4, 2, 6, 0}, byte(i))
	}
	f.Fuzz(func(t *testing.T, choices, body []byte, mode byte) {
		d := &dice{bytes: choices}
		text := d.schema()
		wanted := Wanted{All: mode&1 == 0, Columns: []string{"f1", "f0.f1"}}
		cfg := settings.WithDefaults(Config{MissingColumn: missingNull}).withLog()
		cfg.Limits.MaxValues = 1 << 12
		w, err := (&compiler{cfg: cfg, wanted: wanted, dialect: avro.NewDialect(plainConfig.UnavailablePlaceholder)}).writer(&avro.Source{Text: text})
		if err != nil {
			return // two branches of one type, say
		}
		if mode&2 == 0 {
			body = d.damage(d.value(w.root, nil, 0))
		}
		agree(t, w, body, text)
	})
}

// agree checks one record of a schema.
func agree(t *testing.T, w *writer, body []byte, text string) {
	t.Helper()
	var fast, slow reading
	var a, b pipeline.Change
	planErr := w.plan(body, &fast, &a)
	if isLimit(planErr) || errors.Is(planErr, avro.ErrBlock) {
		return
	}
	goavroErr := w.goavro(body, &slow, &b)
	if isLimit(goavroErr) {
		return
	}
	if (planErr == nil) != (goavroErr == nil) {
		t.Fatalf("schema %s\nbytes %x\nthe plan says %v, goavro %v", text, body, planErr, goavroErr)
	}
	if planErr == nil && !same(&fast, &slow, &a, &b) {
		t.Fatalf("schema %s\nbytes %x\nthe plan reads otherwise than goavro", text, body)
	}
	if native, rest, err := w.codec.NativeFromBinary(body); (planErr == nil) != (err == nil && len(rest) == 0) {
		t.Fatalf("schema %s\nbytes %x\nthe plan says %v, goavro alone %v with %d bytes left of %T", text, body, planErr, err, len(rest), native)
	}
}

// FuzzEnvelopeBytes reads random bytes as Debezium's envelope, under the plan and under goavro.
func FuzzEnvelopeBytes(f *testing.F) {
	schema := schemaFile(f, "postgres-envelope")
	for _, row := range []string{envelopeOf("c", "null", eventRow), envelopeOf("u", eventRow, eventRow), envelopeOf("t", "null", "null")} {
		f.Add(schema.encode(f, row))
	}
	w, err := (&compiler{cfg: plainConfig.withLog(), wanted: Wanted{Columns: webEvent, All: true}, dialect: avro.NewDialect(plainConfig.UnavailablePlaceholder)}).
		writer(&avro.Source{Text: schema.text})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) { agree(t, w, body, "postgres-envelope") })
}

// FuzzSchema throws texts at the parser: it ends, and what it accepts goavro accepts or the schema is refused.
func FuzzSchema(f *testing.F) {
	files, _ := filepath.Glob("testdata/schemas/*.avsc")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "")
	}
	f.Add(`{"type":"record","name":"r","fields":[{"name":"a","type":"x.y"}]}`, `{"type":"enum","name":"x.y","symbols":["A"]}`)
	f.Fuzz(func(t *testing.T, text, reference string) {
		src := &avro.Source{Text: text}
		if reference != "" {
			src.References = []avro.Reference{{Name: "reference", Text: reference}}
		}
		in, err := Inspect(plainConfig, Wanted{All: true}, src)
		if (in == nil) == (err == nil) {
			t.Fatalf("neither a schema nor an error: %v", err)
		}
		if in, err := Inspect(plainConfig, Wanted{All: true}, &avro.Source{Text: text, JSON: true}); (in == nil) == (err == nil) {
			t.Fatalf("neither a JSON Schema nor an error: %v", err)
		}
	})
}

// FuzzRows reads random lines as rows for preview, and random values as JSON from Kafka: a change, or a reason.
func FuzzRows(f *testing.F) {
	files, _ := filepath.Glob("testdata/cases/*.txtar")
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range archive.Files {
			if part.Name == "value.txt" {
				f.Add(part.Data)
			}
		}
	}
	wanted := Wanted{Columns: []string{"id", "nested.a.b"}, All: true}
	rows := NewRows(wanted, plainConfig)
	var decoders []*Decoder
	for _, cfg := range []Config{{}, {Format: formatDebezium}, {Operation: &Operation{Column: "nested.op"}, DeletedWhen: &DeletedWhen{Column: "nested.a", Is: isNotNull}}} {
		cfg.MissingColumn = missingNull
		decoder, err := NewDecoder(settings.WithDefaults(cfg), wanted, caseSchemas{{Kind: registry.NumberID, N: 1}: {Text: `{}`, JSON: true}}, nil)
		if err != nil {
			f.Fatal(err)
		}
		decoders = append(decoders, decoder)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var c pipeline.Change
		checkChange(t, &c, rows.Decode(line, &c))
		header := []pipeline.Header{{Key: "__op", Value: line}}
		for _, decoder := range decoders {
			checkChange(t, &c, decoder.Decode(t.Context(), &pipeline.Record{Topic: "t", Value: framed(line), Key: line, Headers: header}, &c))
			if len(line) > 0 && (line[0] == '{' || line[0] == '"') {
				checkChange(t, &c, decoder.Decode(t.Context(), &pipeline.Record{Topic: "t", Value: line, Key: line}, &c))
			}
		}
	})
}

// checkChange holds what every change promises, and that everything else has a reason.
func checkChange(t *testing.T, c *pipeline.Change, err error) {
	t.Helper()
	if err != nil {
		_, rejected := errors.AsType[*pipeline.Rejection](err)
		_, skipped := errors.AsType[pipeline.SkipReason](err)
		if !rejected && !skipped {
			t.Fatalf("an error that is no reason: %v", err)
		}
		return
	}
	for _, m := range []*pipeline.Image{&c.Before, &c.After} {
		if m.Present && len(m.Values) != len(c.Shape.Names) {
			t.Fatalf("%d values for %d columns", len(m.Values), len(c.Shape.Names))
		}
	}
	if !c.Row().Present || c.BeforeComplete && !c.Before.Present {
		t.Fatalf("%s without its row", c.Op)
	}
}

// FuzzNumbers compares exact numbers with the text they were made of.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0", "-0", "1.50", "1e3", "-12.5e-7", "18446744073709551616", "-9223372036854775809", "1E+2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var doc jsontext.Doc
		if doc.Parse([]byte(text), jsontext.Limits{Depth: 1, Nodes: 1}) != nil || doc.Nodes[0].Kind != jsontext.Number {
			return
		}
		got := avro.NumberValue(doc.Raw(0))
		if got.Kind() == pipeline.String {
			return // beyond what is read as a number
		}
		if want, ok := rational(string(doc.Raw(0))); ok {
			if have, ok := rational(got.Text()); !ok || have.Cmp(want) != 0 {
				t.Errorf("got %s, want the number of %s", got.Text(), text)
			}
		}
	})
}
