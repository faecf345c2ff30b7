//go:build synctests

package truth

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/schemas"
)

// The registry's ids of the schemas. The key's is registered again as a history goes on: the text differs by a comment.
const (
	firstKey    = 1
	secondKey   = 2
	envelopeID  = 3
	plainID     = 4
	changedID   = 5
	cellsID     = 6
	customersID = "shop.public.customers"
)

type avro = map[string]any

// writer writes rows as Debezium's Avro converter does, with goavro alone.
type writer struct {
	folder   string // of the schemas
	key      *goavro.Codec
	envelope *goavro.Codec
	plain    *goavro.Codec
	sparse   *goavro.Codec // of changed columns
	cells    *goavro.Codec // of changed columns that are cells
}

// newWriter registers the schemas.
func newWriter(t *testing.T) *writer {
	w := &writer{folder: t.TempDir()}
	key, value := schemas.Demo("customers", "key"), schemas.Demo("customers", "value")
	w.key = w.register(t, firstKey, key)
	w.register(t, secondKey, withComment(t, key))
	w.envelope = w.register(t, envelopeID, value)
	w.plain = w.register(t, plainID, rowSchema(t, value))
	w.sparse = w.register(t, changedID, sparseSchema(t, false))
	w.cells = w.register(t, cellsID, sparseSchema(t, true))
	return w
}

func (w *writer) register(t *testing.T, id int, text string) *goavro.Codec {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.folder, fmt.Sprintf("%d.avsc", id)), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := goavro.NewCodec(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func withComment(t *testing.T, schema string) string {
	return edited(t, schema, func(s avro) avro { s["doc"] = "the customer's number"; return s })
}

// rowSchema is the envelope's Value record: what is left where a transform takes the envelope off.
func rowSchema(t *testing.T, envelope string) string {
	return edited(t, envelope, func(s avro) avro {
		value := s["fields"].([]any)[0].(avro)["type"].([]any)[1].(avro)
		value["namespace"] = customersID
		value["fields"] = append(value["fields"].([]any), avro{"name": "__deleted", "type": []any{"null", "string"}, "default": nil})
		return value
	})
}

func edited(t *testing.T, schema string, edit func(avro) avro) string {
	t.Helper()
	parsed := avro{}
	if err := json.Unmarshal([]byte(schema), &parsed); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(edit(parsed))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// keyOf is a row's record key, under one of the key's schemas.
func (w *writer) keyOf(id int64, schema int) []byte {
	return virtual.Must(w.key.BinaryFromNative(virtual.Frame(schema), avro{"id": id}))
}

// change is an envelope; nil images are NULL.
func (w *writer) change(op string, before, after avro) []byte {
	return virtual.Must(w.envelope.BinaryFromNative(virtual.Frame(envelopeID), envelope("postgresql", op, before, after)))
}

func envelope(connector, op string, before, after avro) avro {
	now := time.Now()
	source := virtual.Source(now, "customers")
	source["connector"] = connector
	return avro{
		"before": image(before), "after": image(after), "source": source, "transaction": nil, "op": op,
		"ts_ms": avro{"long": now.UnixMilli()}, "ts_us": nil, "ts_ns": nil,
	}
}

// row is a plain row; deleted is the transform's mark.
func (w *writer) row(columns avro, deleted *string) []byte {
	columns["__deleted"] = optional(deleted)
	return virtual.Must(w.plain.BinaryFromNative(virtual.Frame(plainID), columns))
}

func image(columns avro) any {
	if columns == nil {
		return nil
	}
	return avro{customersID + ".Value": columns}
}

func columns(id int64, r row) avro {
	return avro{
		"id": id, "email": optional(r.email.text), "phone": optional(r.phone.text), "gaid": mark(r.gone), "newsletter_opt_in": r.optIn, "lapsed": r.lapsed,
		"updated_at": fmt.Sprintf("2026-01-02T03:04:%02dZ", r.note%60),
	}
}

// mark is what the column holds that marks a row as deleted.
func mark(gone bool) any {
	if gone {
		return optional(text("gone"))
	}
	return nil
}

// keyAlone is a before-image of PostgreSQL's default replica identity: all but the key is filled in.
func keyAlone(id int64) avro { return columns(id, row{}) }

func optional(s *string) any {
	if s == nil {
		return nil
	}
	return avro{"string": *s}
}
