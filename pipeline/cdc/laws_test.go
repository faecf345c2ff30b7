package cdc

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func rational(text string) (*big.Rat, bool) {
	if len(text) > 2000 || strings.ContainsAny(text, "eE") && len(text) > 40 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// plainConfig is the configuration of a sync that sets nothing.
var plainConfig = settings.WithDefaults(Config{})

func decoderFor(t testing.TB, cfg Config, wanted Wanted, schemas Schemas) *Decoder {
	t.Helper()
	d, err := NewDecoder(settings.WithDefaults(cfg), wanted, schemas, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAllColumnsCostNoAllocation(t *testing.T) {
	schema := schemaFile(t, "postgres-envelope")
	r := pipeline.Record{Topic: "t", Offset: 1, Value: framed(schema.encode(t, envelopeOf("u", eventRow, eventRow)))}
	d := decoderFor(t, Config{BeforeImage: beforeFull}, Wanted{Columns: webEvent, All: true}, oneSchema{&avro.Source{Text: schema.text}})
	var c pipeline.Change
	decode := func() {
		if err := d.Decode(t.Context(), &r, &c); err != nil {
			t.Fatal(err)
		}
	}
	for range firstChecked + 1 {
		decode()
	}
	if got := testing.AllocsPerRun(100, decode); got != 0 {
		t.Errorf("got %v allocations a record, want 0", got)
	}
}

func TestSkippingAWideTableCostsNoAllocation(t *testing.T) {
	schema, row := wideTable(t, 300)
	r := pipeline.Record{Topic: "t", Offset: 1, Value: framed(schema.encode(t, row))}
	d := decoderFor(t, Config{}, Wanted{Columns: []string{"c7", "c299"}}, oneSchema{&avro.Source{Text: schema.text}})
	var c pipeline.Change
	decode := func() {
		if err := d.Decode(t.Context(), &r, &c); err != nil {
			t.Fatal(err)
		}
	}
	for range firstChecked + 1 {
		decode()
	}
	if got := testing.AllocsPerRun(100, decode); got != 0 {
		t.Errorf("got %v allocations a record, want 0", got)
	}
}

func TestAReusedChangeKeepsNothingOfTheRowBefore(t *testing.T) {
	schemas := caseSchemas{}
	full := `{"type":"record","name":"r","fields":[{"name":"id","type":"long"},{"name":"email","type":"string"}]}`
	schemas.add(t, 1, full, nil)
	schemas.add(t, 2, `{"type":"record","name":"r","fields":[{"name":"id","type":"long"}]}`, nil)
	d := decoderFor(t, Config{MissingColumn: missingNull}, Wanted{Columns: []string{"email", "id"}}, schemas)
	var c pipeline.Change
	first := pipeline.Record{Value: framed(schemaOf(t, full).encode(t, `{"id":1,"email":"ada@example.com"}`))}
	second := pipeline.Record{Value: []byte{0, 0, 0, 0, 2, 4}}
	for range 3 {
		if err := d.Decode(t.Context(), &first, &c); err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(t.Context(), &second, &c); err != nil {
			t.Fatal(err)
		}
		if got := c.After.Value(0).Kind(); got != pipeline.Missing {
			t.Errorf("got %s of the row before, want missing", got)
		}
	}
}

func TestAPlanThatIsWrongIsGivenUpForGoavro(t *testing.T) {
	var log bytes.Buffer
	text := `{"type":"record","name":"r","fields":[{"name":"a","type":"string"},{"name":"b","type":"string"}]}`
	d := decoderFor(t, Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, Wanted{Columns: []string{"a", "b"}}, oneSchema{&avro.Source{Text: text}})
	w, err := d.writer(t.Context(), registry.ID{Kind: registry.NumberID, N: 1})
	if err != nil {
		t.Fatal(err)
	}
	steps := w.programs[0].row.Steps
	steps[0].Slot, steps[1].Slot = steps[1].Slot, steps[0].Slot // the fault: values in the wrong columns
	steps[0].Field, steps[1].Field = steps[1].Field, steps[0].Field
	r := pipeline.Record{Topic: "t", Value: framed(schemaOf(t, text).encode(t, `{"a":"clear-a","b":"clear-b"}`)), Key: []byte("k")}
	var c pipeline.Change
	for range 2 {
		if err := d.Decode(t.Context(), &r, &c); err != nil {
			t.Fatal(err)
		}
		if got := c.After.Value(0).Text(); got != "clear-a" || string(c.Key) != "k" {
			t.Errorf("got %q in the first column, want goavro's value", got)
		}
	}
	if got := strings.Count(log.String(), "level=ERROR"); got != 1 || strings.Contains(log.String(), "clear-") {
		t.Errorf("want one line without values, got:\n%s", log.String())
	}
}

func TestManyGoroutinesShareADecoder(t *testing.T) {
	c := readCapture(t, "testdata/debezium/shop")
	d := decoderFor(t, Config{}, Wanted{All: true}, c.schemas)
	want := readAll(t, c, Config{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			var ch pipeline.Change
			var b strings.Builder
			for i := range c.records {
				fmt.Fprintf(&b, "%s\n", c.records[i].Position())
				err := d.Decode(t.Context(), &c.records[i], &ch)
				for line := range strings.Lines(describe(&ch, err)) {
					b.WriteString("  " + strings.TrimRight(line, " \n") + "\n")
				}
			}
			if got := b.String(); got != want {
				t.Errorf("read otherwise than alone:\n%s", firstDifference(got, want))
			}
		})
	}
	all.Wait()
}

// P3: what cannot be read is told without a word of what it holds.
func TestErrorsHoldNoValues(t *testing.T) {
	schema := schemaFile(t, "postgres-envelope")
	body := framed(schema.encode(t, envelopeOf("c", "null", eventRow)))
	d := decoderFor(t, Config{}, Wanted{All: true}, oneSchema{&avro.Source{Text: schema.text}})
	var ch pipeline.Change
	for cut := 5; cut < len(body); cut++ {
		err := d.Decode(t.Context(), &pipeline.Record{Topic: "t", Value: body[:cut]}, &ch)
		for _, clear := range []string{"ada", "lovelace", "5550100007", "sku-1", "19.99"} {
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), clear) {
				t.Fatalf("cut at %d: the error holds %q: %v", cut, clear, err)
			}
		}
	}
}

func TestATombstoneIsWhatItsTopicSays(t *testing.T) {
	flat, envelope := schemaFile(t, "flattened"), schemaFile(t, "postgres-envelope")
	key := schemaFile(t, "key")
	schemas := caseSchemas{}
	schemas.add(t, 1, flat.text, nil)
	schemas.add(t, 2, key.text, nil)
	schemas.add(t, 3, envelope.text, nil)
	d := decoderFor(t, Config{MissingColumn: missingNull}, Wanted{Columns: []string{"id"}}, schemas)
	row := framed(flat.encode(t, `{"id":7,"email":null,"opted_in":true,"__deleted":null,"__op":"c","__ts_ms":null,"__source_ts_ms":1,"__lsn":null}`))
	change := append([]byte{0, 0, 0, 0, 3}, envelope.encode(t, envelopeOf("c", "null", eventRow))...)
	k := append([]byte{0, 0, 0, 0, 2}, key.encode(t, `{"id":7}`)...)
	var c pipeline.Change
	for _, r := range []pipeline.Record{{Topic: "rows", Value: row}, {Topic: "changes", Value: change}} {
		if err := d.Decode(t.Context(), &r, &c); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Decode(t.Context(), &pipeline.Record{Topic: "changes", Key: k}, &c); !errors.Is(err, pipeline.SkipTombstone) {
		t.Errorf("got %v on a topic of envelopes, want a skipped tombstone", err)
	}
	if err := d.Decode(t.Context(), &pipeline.Record{Topic: "rows", Key: k}, &c); err != nil || !c.KeyRow || c.Before.Value(0).Int() != 7 {
		t.Errorf("got %v, key row %t, want the delete of row 7", err, c.KeyRow)
	}
}

func TestATombstoneWithAKeyIsADeleteForThoseWhoKnowRowsByTheirKeys(t *testing.T) {
	envelope := schemaFile(t, "postgres-envelope")
	schemas := caseSchemas{}
	schemas.add(t, 3, envelope.text, nil)
	change := append([]byte{0, 0, 0, 0, 3}, envelope.encode(t, envelopeOf("c", "null", eventRow))...)
	framedKey := []byte{0, 0, 0, 0, 2, 14} // of a schema that no registry knows: the key is not read
	for _, c := range []struct {
		name    string
		format  string
		first   bool // it is the first record of the process
		topic   string
		key     []byte
		skipped bool
	}{
		{"the first of a process", formatAuto, true, "changes", framedKey, false},
		{"on a topic of envelopes", formatAuto, false, "changes", framedKey, false},
		{"where the format is said", formatDebezium, false, "changes", framedKey, false},
		{"on a topic of plain rows", formatFlat, true, "changes", framedKey, false},
		{"without a key", formatAuto, false, "changes", nil, true},
		{"a heartbeat's", formatAuto, true, "__debezium-heartbeat.shop", framedKey, true},
	} {
		d := decoderFor(t, Config{Format: c.format, Tombstones: TombstonesDelete, MissingColumn: missingNull}, Wanted{Columns: []string{"id"}}, schemas)
		var ch pipeline.Change
		if !c.first {
			if err := d.Decode(t.Context(), &pipeline.Record{Topic: "changes", Value: change}, &ch); err != nil {
				t.Fatal(err)
			}
		}
		err := d.Decode(t.Context(), &pipeline.Record{Topic: c.topic, Key: c.key}, &ch)
		switch {
		case c.skipped && !errors.Is(err, pipeline.SkipTombstone):
			t.Errorf("%s: got %v, want a skipped tombstone", c.name, err)
		case !c.skipped && (err != nil || ch.Op != pipeline.Delete || !ch.KeyRow || string(ch.Key) != "\x0e"):
			t.Errorf("%s: got %v, key row %t and key %x, want a delete by key", c.name, err, ch.KeyRow, ch.Key)
		}
	}
}

// firstDifference shows the first line in which two texts differ.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d: got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}
