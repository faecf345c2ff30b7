package cdc

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

// What one record or schema may cost, whatever its bytes: far above what honest ones do, far below what hurts. The time is
// for a machine that is busy with other tests.
const (
	mostBytes = 64 << 20
	mostTime  = 10 * time.Second
)

// cost runs f and reports where it allocates or takes more than the bounds.
func cost(t *testing.T, what string, f func()) (allocated uint64) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	f()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	allocated = after.TotalAlloc - before.TotalAlloc
	if allocated > mostBytes || took > mostTime {
		t.Errorf("%s: allocated %d bytes in %s", what, allocated, took)
	}
	return allocated
}

// anySchema knows one schema by every id.
type anySchema struct{ src *avro.Source }

func (a anySchema) Schema(context.Context, registry.ID) (*avro.Source, error) { return a.src, nil }

// framings are the settings under which a record may come, and what stands before an honest row there.
var framings = []struct {
	name    string
	of      Framing
	prefix  []byte
	headers []pipeline.Header
}{
	{"confluent", Framing{}, []byte{0, 0, 0, 0, 1}, nil},
	{"guid prefix", Framing{}, append([]byte{1}, make([]byte, 16)...), nil},
	{"guid header", Framing{}, nil, []pipeline.Header{{Key: "__value_schema_id", Value: append([]byte{1}, make([]byte, 16)...)}}},
	{"apicurio header", Framing{}, nil, []pipeline.Header{{Key: "apicurio.value.globalId", Value: []byte{0, 0, 0, 0, 0, 0, 0, 1}}}},
	{"eight bytes", Framing{Carrier: Carrier{IDBytes: 8}}, []byte{0, 0, 0, 0, 0, 0, 0, 0, 1}, nil},
	{"single object", Framing{}, []byte{0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8}, nil},
	{"bare", Framing{Carrier: Carrier{Style: styleBare, Schema: "s"}}, nil, nil},
	{"azure", Framing{}, nil, []pipeline.Header{{Key: "content-type", Value: []byte("avro/binary+" + guidDigits)}}},
	{"json", Framing{Carrier: Carrier{Style: styleJSON}}, nil, nil},
	{"json object", Framing{}, []byte("{"), nil},
	{"glue", Framing{}, append([]byte{3, 0}, make([]byte, 16)...), nil},
	{"container file", Framing{}, []byte("Obj\x01"), nil},
	{"nothing known", Framing{}, nil, nil},
}

func TestRandomBytesUnderEveryFramingCostLittle(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	envelope := schemaFile(t, "postgres-envelope")
	honest := envelope.encode(t, envelopeOf("u", eventRow, eventRow))
	for _, f := range framings {
		t.Run(f.name, func(t *testing.T) {
			d := decoderFor(t, Config{Framing: f.of}, Wanted{Columns: webEvent, All: true}, anySchema{&avro.Source{Text: envelope.text}})
			var c pipeline.Change
			var total uint64
			const records = 300
			for range records {
				body := randomBody(r, honest)
				record := pipeline.Record{Topic: "t", Key: body, Value: append(append([]byte{}, f.prefix...), body...), Headers: f.headers}
				total += cost(t, f.name, func() { checkDecoded(t, &c, d.Decode(t.Context(), &record, &c)) })
			}
			if mean := total / records; mean > 1<<20 {
				t.Errorf("%d bytes allocated a record", mean)
			}
		})
	}
}

// randomBody is nothing but chance, or an honest row that is damaged or cut.
func randomBody(r *rand.Rand, honest []byte) []byte {
	if r.IntN(2) == 0 {
		body := make([]byte, r.IntN(4096))
		for i := range body {
			body[i] = byte(r.Uint32())
		}
		return body
	}
	body := append([]byte{}, honest[:r.IntN(len(honest)+1)]...)
	for range r.IntN(8) {
		if len(body) > 0 {
			body[r.IntN(len(body))] = byte(r.Uint32())
		}
	}
	return body
}

// checkDecoded is checkChange that knows trouble: bytes may say nothing of the mapped columns.
func checkDecoded(t *testing.T, c *pipeline.Change, err error) {
	t.Helper()
	if _, trouble := errors.AsType[*pipeline.Trouble](err); !trouble {
		checkChange(t, c, err)
	}
}

// A few bytes can promise much: what is set aside for them is bounded by the limits, by all readers.
func TestPromisesOfHugeListsCostLittle(t *testing.T) {
	list := func(items string) string {
		return `{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"array","items":` + items + `}}]}`
	}
	many := binary.AppendVarint(nil, avro.MaxBlock)
	for name, test := range map[string]struct {
		schema string
		body   []byte
	}{
		"nothings":          {list(`"null"`), append(binary.AppendVarint(nil, 1<<18-8), 0)},
		"empty records":     {list(`{"type":"record","name":"e","fields":[]}`), append(binary.AppendVarint(nil, 1<<17), 0)},
		"more than fit":     {list(`"long"`), many},
		"more than allowed": {list(`"null"`), binary.AppendVarint(nil, 1<<31-1)},
		"the greatest":      {list(`"null"`), binary.AppendVarint(nil, 1<<62)},
		"lists of lists":    {list(`{"type":"array","items":"null"}`), append(binary.AppendVarint(nil, 2), append(binary.AppendVarint(nil, 1<<17), 0)...)},
		"a long text":       {`{"type":"record","name":"r","fields":[{"name":"a","type":"string"}]}`, binary.AppendVarint(nil, 1<<40)},
		"a map of nothing":  {`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"map","values":"null"}}]}`, many},
		// Took 40 seconds: the digits of a number of 4 MB.
		"a number of a million digits": {`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2}}]}`,
			append(binary.AppendVarint(nil, 4<<20), bytes.Repeat([]byte{0x5a}, 4<<20)...)},
		"a scale without end": {`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"bytes","logicalType":"decimal","precision":5,"scale":2147483647}}]}`, []byte{4, 1, 1}},
	} {
		for _, decoder := range []string{"plan", decoderGoavro} {
			t.Run(name+"/"+decoder, func(t *testing.T) {
				d := decoderFor(t, Config{Decoder: decoder}, Wanted{All: true}, oneSchema{&avro.Source{Text: test.schema}})
				var c pipeline.Change
				cost(t, name, func() {
					checkChange(t, &c, d.Decode(t.Context(), &pipeline.Record{Value: framed(test.body)}, &c))
					for i := range c.After.Values {
						_ = c.After.Values[i].Text() // as the event's id has it
					}
				})
			})
		}
	}
}

func TestHostileJSONCostsLittle(t *testing.T) {
	members := func(n int, format string) []byte {
		b := []byte(`{`)
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, format, i)
		}
		return append(b, '}')
	}
	var columns []byte
	for i := range 10_000 {
		columns = fmt.Appendf(columns, `,{"field":"m%d","type":"int32"}`, i)
	}
	for name, value := range map[string][]byte{
		"a row of 100,000 members": members(100_000, `"m%d":1`),
		"100,000 times the same":   members(100_000, `"id":%d`),
		"members of lists":         members(9_000, `"m%d":[[[]]]`),
		"a schema of 10,000 columns": slices.Concat([]byte(`{"schema":{"type":"struct","fields":[{"field":"id","type":"int32"}`), columns,
			[]byte(`]},"payload":{"id":1}}`)),
		"an envelope of many":          append(append([]byte(`{"op":"c","source":{},"after":`), members(100_000, `"m%d":1`)...), '}'),
		"a schema of many":             append(append([]byte(`{"schema":`), members(100_000, `"m%d":1`)...), `,"payload":{}}`...),
		"brackets":                     append([]byte(`{"a":`), bytes.Repeat([]byte("["), 1<<20)...),
		"a number of a million digits": append(append([]byte(`{"id":`), bytes.Repeat([]byte("7"), 1<<20)...), '}'),
		"an exponent":                  []byte(`{"id":1e999999999}`),
	} {
		t.Run(name, func(t *testing.T) {
			d := decoderFor(t, Config{MissingColumn: missingNull}, Wanted{Columns: []string{"id", "m7.x"}, All: true}, caseSchemas{})
			var c pipeline.Change
			cost(t, name, func() {
				checkChange(t, &c, d.Decode(t.Context(), &pipeline.Record{Topic: "t", Value: value, Key: value}, &c))
			})
		})
	}
}

func TestHostileSchemasAreRefusedQuickly(t *testing.T) {
	deepArrays := strings.Repeat(`{"type":"array","items":`, 10_000) + `"int"` + strings.Repeat("}", 10_000)
	wide := strings.Builder{}
	for i := range 30_000 {
		fmt.Fprintf(&wide, `{"name":"f%d","type":"int"},`, i)
	}
	for name, text := range map[string]string{
		"nesting of 10,000":    deepArrays,
		"10,000 brackets":      strings.Repeat("[", 10_000),
		"a text of 1 MiB":      `{"type":"record","name":"r","doc":"` + strings.Repeat("x", 1<<20) + `","fields":[]}`,
		"a text of spaces":     strings.Repeat(" ", 1<<21),
		"a cut-off wide row":   `{"type":"record","name":"r","fields":[` + wide.String(),
		"an endless name":      `{"type":"record","name":"` + strings.Repeat("n", 900_000) + `","fields":[{"name":"a","type":"nope"}]}`,
		"10,000 objects":       strings.Repeat(`{"type":`, 10_000) + `"int"` + strings.Repeat("}", 10_000),
		"records in records":   strings.Repeat(`{"type":"record","name":"r","fields":[{"name":"a","type":`, 10_000),
		"unions in lists":      strings.Repeat(`["null",{"type":"array","items":`, 10_000),
		"an unknown reference": `{"type":"record","name":"r","fields":[{"name":"a","type":"s"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			cost(t, name, func() { _, err = Inspect(plainConfig, Wanted{All: true}, &avro.Source{Text: text}) })
			if err == nil {
				t.Fatal("it was accepted")
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d letters", len(err.Error()))
			}
		})
	}
}

func TestAWideSchemaIsAccepted(t *testing.T) {
	schema, row := wideTable(t, 10_000)
	d := decoderFor(t, Config{}, Wanted{All: true}, oneSchema{&avro.Source{Text: schema.text}})
	var c pipeline.Change
	if err := d.Decode(t.Context(), &pipeline.Record{Value: framed(schema.encode(t, row))}, &c); err != nil {
		t.Fatal(err)
	}
	if got := len(c.After.Values); got != 10_000 {
		t.Errorf("got %d columns, want 10,000", got)
	}
}

// A record type that doubles with every level is small as text and, were it not for the budget, endless as a value.
func TestValuesThatExplodeAreRefusedQuickly(t *testing.T) {
	var fields strings.Builder
	fmt.Fprintf(&fields, `{"name":"f0","type":{"type":"record","name":"t0","fields":[]}}`)
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&fields, `,{"name":"f%d","type":["null",{"type":"record","name":"t%d","fields":[{"name":"a","type":"t%d"},{"name":"b","type":"t%d"}]}]}`, i, i, i-1, i-1)
	}
	fmt.Fprintf(&fields, `,{"name":"last","type":"t59"}`)
	endless := `{"type":"record","name":"r","fields":[{"name":"a","type":"r"}]}`
	tree := `{"type":"record","name":"r","fields":[{"name":"v","type":"int"},{"name":"kids","type":{"type":"array","items":"r"}}]}`
	for name, c := range map[string]struct {
		schema string
		body   []byte
	}{
		"doubling records":   {`{"type":"record","name":"r","fields":[` + fields.String() + `]}`, make([]byte, 59)},
		"a record in itself": {endless, nil},
		"a tree of 300 kB":   {tree, treeOf(100_000)},
		"a chain of 300 kB":  {tree, bytes.Repeat([]byte{0, 2}, 150_000)},
		"blocks of nothing":  {`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"array","items":"null"}}]}`, bytes.Repeat([]byte{0x80, 0x80, 0x40}, 100_000)},
		"maps of nothing":    {`{"type":"record","name":"r","fields":[{"name":"a","type":{"type":"map","values":"null"}}]}`, append(binary.AppendVarint(nil, 1<<19), make([]byte, 1<<20)...)},
	} {
		for _, decoder := range []string{"plan", decoderGoavro} {
			t.Run(name+"/"+decoder, func(t *testing.T) {
				d := decoderFor(t, Config{Decoder: decoder}, Wanted{All: true}, oneSchema{&avro.Source{Text: c.schema}})
				var ch pipeline.Change
				var err error
				cost(t, name, func() { err = d.Decode(t.Context(), &pipeline.Record{Value: framed(c.body)}, &ch) })
				if _, ok := errors.AsType[*pipeline.Rejection](err); !ok {
					t.Errorf("got %v, want a rejection", err)
				}
			})
		}
	}
}

// treeOf is a node with n kids without kids.
func treeOf(n int) []byte {
	body := binary.AppendVarint([]byte{0}, int64(n))
	return append(append(body, make([]byte, 2*n)...), 0)
}
