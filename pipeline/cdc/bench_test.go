package cdc

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
)

// oneSchema is a registry that knows one schema.
type oneSchema struct{ src *avro.Source }

func (o oneSchema) Schema(context.Context, registry.ID) (*avro.Source, error) { return o.src, nil }

// framed puts Confluent's prefix with id 1 before a row.
func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, 1), body...)
}

const eventRow = `{"id":7,"event_id":"7b1e0000-0000-4000-8000-000000000007","event_name":"CompletePayment","email":"ada.lovelace@example.com",
	"phone":"+15550100007","currency":"USD","country":"US","value":"19.99","discount":"0","weight":{"scale":3,"value":"hex:04d2"},"quantity":2,
	"occurred_at":"2026-01-31T22:02:03.123456Z","created_at":1769896923123456,"updated_at":1769896923123,"birth_date":4361,
	"contents":"[{\"content_id\":\"sku-1\",\"price\":19.99,\"quantity\":1}]","tags":["new","vip"],"opted_in":true}`

const sourceBlock = `{"version":"3.6.1.Final","connector":"postgresql","name":"shop","ts_ms":1755857472120,"snapshot":"false","db":"shop",
	"sequence":"[\"24023119\",\"24023128\"]","ts_us":1755857472120000,"ts_ns":1755857472120000000,"schema":"public","table":"customer_events",
	"txId":555,"lsn":24023128,"xmin":null,"origin":null,"origin_lsn":null}`

func envelopeOf(op, before, after string) string {
	return fmt.Sprintf(`{"before":%s,"after":%s,"source":%s,"transaction":null,"op":%q,"ts_ms":1755857472300,"ts_us":1755857472300000,"ts_ns":1755857472300000000}`,
		before, after, sourceBlock, op)
}

// webEvent are the columns a typical web event maps.
var webEvent = []string{"event_id", "event_name", "email", "phone", "currency", "value", "quantity", "occurred_at", "contents", "country"}

func BenchmarkEnvelope(b *testing.B) {
	schema := schemaFile(b, "postgres-envelope")
	for _, row := range []struct{ name, json string }{
		{"insert", envelopeOf("c", "null", eventRow)},
		{"update", envelopeOf("u", eventRow, eventRow)},
	} {
		body := schema.encode(b, row.json)
		codec, err := goavro.NewCodec(schema.text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(row.name+"/goavro", func(b *testing.B) {
			measureCPU(b, func() error {
				_, _, err := codec.NativeFromBinary(body)
				return err
			})
		})
		b.Run(row.name+"/plan-web-event", func(b *testing.B) { benchPlan(b, schema.text, body, Wanted{Columns: webEvent}) })
		b.Run(row.name+"/plan-all", func(b *testing.B) { benchPlan(b, schema.text, body, Wanted{Columns: webEvent, All: true}) })
		b.Run(row.name+"/decode-web-event", func(b *testing.B) { benchDecode(b, schema.text, body, Wanted{Columns: webEvent}) })
		b.Run(row.name+"/decode-all", func(b *testing.B) { benchDecode(b, schema.text, body, Wanted{Columns: webEvent, All: true}) })
	}
}

// BenchmarkPlanAgainstGoavro prints how many times the processor time of the plan goavro takes for the same record, whole, and
// what the plan allocates. The two take turns, so that both meet the same machine. The figure to hold is 30.
func BenchmarkPlanAgainstGoavro(b *testing.B) {
	schema := schemaFile(b, "postgres-envelope")
	for _, row := range []struct{ name, json string }{
		{"insert", envelopeOf("c", "null", eventRow)},
		{"update", envelopeOf("u", eventRow, eventRow)},
	} {
		b.Run(row.name, func(b *testing.B) { compareWithGoavro(b, schema, schema.encode(b, row.json)) })
	}
}

func compareWithGoavro(b *testing.B, schema *testSchema, body []byte) {
	codec, err := goavro.NewCodec(schema.text)
	if err != nil {
		b.Fatal(err)
	}
	plan := planOf(b, schema.text, body, Wanted{Columns: webEvent})
	const turns = 50 // the plan's turn is as much longer as it is faster
	var slow, fast time.Duration
	for b.Loop() {
		slow += cpuOf(b, 100, func() error {
			_, _, err := codec.NativeFromBinary(body)
			return err
		})
		fast += cpuOf(b, 100*turns, plan)
	}
	b.ReportMetric(turns*float64(slow)/float64(fast), "times-goavro")
	b.ReportMetric(testing.AllocsPerRun(100, func() { plan() }), "plan-allocs/record")
}

// cpuOf is the processor's time of n steps.
func cpuOf(b *testing.B, n int, step func() error) time.Duration {
	start := cpuTime(b)
	for range n {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
	return cpuTime(b) - start
}

// planOf is the plan of a schema, run on a record.
func planOf(b *testing.B, schema string, body []byte, wanted Wanted) func() error {
	cfg := plainConfig
	w, err := (&compiler{cfg: cfg, wanted: wanted, dialect: avro.NewDialect(cfg.UnavailablePlaceholder)}).writer(&avro.Source{Text: schema})
	if err != nil {
		b.Fatal(err)
	}
	var c pipeline.Change
	return func() error {
		var read reading
		c.Lists.Reset()
		return w.plan(body, &read, &c)
	}
}

// benchPlan measures the plan alone, from the row's bytes to its values.
func benchPlan(b *testing.B, schema string, body []byte, wanted Wanted) {
	measureCPU(b, planOf(b, schema, body, wanted))
}

// measureCPU runs a step and reports, beside the time on the clock, the processor's time, the collector's included: on a
// busy machine only that compares.
func measureCPU(b *testing.B, step func() error) {
	b.ReportAllocs()
	start := cpuTime(b)
	for b.Loop() {
		if err := step(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchDecode measures the whole Decode: framing, schema lookup and what makes a change of it.
func benchDecode(b *testing.B, schema string, body []byte, wanted Wanted) {
	d, err := NewDecoder(plainConfig, wanted, oneSchema{&avro.Source{Text: schema}}, nil)
	if err != nil {
		b.Fatal(err)
	}
	r := pipeline.Record{Topic: "shop.public.customer_events", Offset: 1, Value: framed(body)}
	var c pipeline.Change
	for range 2 * firstChecked {
		if err := d.Decode(b.Context(), &r, &c); err != nil {
			b.Fatal(err)
		}
	}
	measureCPU(b, func() error { return d.Decode(context.Background(), &r, &c) })
}

func BenchmarkWideTable(b *testing.B) {
	for _, columns := range []int{30, 300, 3000} {
		schema, row := wideTable(b, columns)
		body := schema.encode(b, row)
		b.Run(fmt.Sprintf("%d-columns-10-wanted", columns), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			benchDecode(b, schema.text, body, Wanted{Columns: []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"}})
		})
	}
}

func wideTable(t testing.TB, columns int) (*testSchema, string) {
	t.Helper()
	types := []string{`["null","string"]`, `"long"`, `"boolean"`, `["null","double"]`, `"string"`, `["null","int"]`}
	values := []string{`"some text"`, `1234567`, `true`, `1.5`, `"more text"`, `42`}
	var fields, row []string
	for i := range columns {
		fields = append(fields, fmt.Sprintf(`{"name":"c%d","type":%s}`, i, types[i%len(types)]))
		row = append(row, fmt.Sprintf(`"c%d":%s`, i, values[i%len(values)]))
	}
	schema := schemaOf(t, `{"type":"record","name":"wide","namespace":"w","fields":[`+strings.Join(fields, ",")+`]}`)
	return schema, "{" + strings.Join(row, ",") + "}"
}
