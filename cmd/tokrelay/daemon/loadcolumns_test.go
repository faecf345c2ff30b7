package daemon

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const aroundSync = "kafka: {brokers: ['localhost:9092']}\nschema_registry: {url: http://localhost:8081}\n" +
	"connections: {main: {advertiser_id: '7000000000000000001', access_token: '${TOKEN}'}}\nsyncs:\n"

// TestTheSameRowReadAgainIsTheSameEvent reads one row as an insert, a snapshot and a later load write it, and one other row.
func TestTheSameRowReadAgainIsTheSameEvent(t *testing.T) {
	c, report := Parse([]byte(aroundSync+`
  - name: orders
    topic: t
    format: flat
    framing: json
    operation: {column: _op}
    deleted_when: {column: gone, equals: true}
    missing_column: "null"
    on: {snapshot: send}
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: at, user.email: email, page.url: {value: "https://x.example/"}}}
`), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	f, err := NewFlow(&c.Syncs[0], time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	schemas, err := registry.New(c.SchemaRegistry, registry.Deps{Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		err = f.DecodeWith(schemas, nil, slog.New(slog.NewTextHandler(&log, nil)))
	}
	if err != nil {
		t.Fatal(err)
	}
	id := func(extra string) string {
		var change pipeline.Change
		var items pipeline.Items
		steps, at := f.Steps(), time.Now().UTC().Format("2006-01-02")
		r := &pipeline.Record{Topic: "t", Value: []byte(`{"at":"` + at + `T00:00:00Z","email":"ada@example.com","total":12.50` + extra + `}`)}
		if err := steps.Decode(t.Context(), r, &change); err != nil {
			t.Fatal(err)
		}
		if err := steps.Make(&items, 0, &change); err != nil {
			t.Fatal(err)
		}
		return string(items.ID(0))
	}
	want := id(`,"_op":"c"`)
	for name, extra := range map[string]string{"a snapshot": `,"_op":"r"`, "with its mark": `,"_op":"c","gone":false`, "another load": `,"_op":"c","_airbyte_raw_id":"2"`} {
		if got := id(extra); got != want {
			t.Errorf("%s: got event id %s, want %s", name, got, want)
		}
	}
	if id(`,"_op":"c","_loaded_at":"a"`) == id(`,"_op":"c","_loaded_at":"b"`) {
		t.Error("a column that is not known is left out")
	}
	if n := strings.Count(log.String(), "_loaded_at"); n != 1 {
		t.Errorf("warned of the column %d times, want once:\n%s", n, &log)
	}
}
