//go:build synctests

package laws

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/virtual"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/schemas"
)

const (
	keySchema   = 1
	valueSchema = 2
)

type row = map[string]any

// fate is what has to become of a row, known before the daemon sees it.
type fate struct {
	outcome pipeline.Outcome
	reason  pipeline.Reason // of a dead letter
	id      string          // of the event
	poison  bool            // TikTok refuses it
	key     string          // of its record, which is the row's alone
}

// table writes changes of the orders table as Debezium's Avro converter does, with goavro alone.
type table struct {
	folder     string // of the schemas
	key, value *goavro.Codec
	rand       *rand.Rand
	n          int
}

func newTable(t *testing.T, name string, r *rand.Rand) *table {
	folder := t.TempDir()
	return &table{folder: folder, rand: r, key: codec(t, folder, name, "key", keySchema), value: codec(t, folder, name, "value", valueSchema)}
}

func codec(t *testing.T, folder, name, part string, id int) *goavro.Codec {
	t.Helper()
	text := schemas.Demo(name, part)
	if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.avsc", id)), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := goavro.NewCodec(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// order is a row that TikTok takes.
func (b *table) order() row {
	b.n++
	return row{
		"id": int64(b.n), "order_uid": fmt.Sprintf("order-%06d", b.n), "status": "paid", "customer_id": row{"long": int64(b.n)},
		"email": text(fmt.Sprintf("ada%d@example.com", b.n)), "phone": nil, "currency": "USD",
		"amount": row{"bytes.decimal": big.NewRat(995, 100)}, "discount": big.NewRat(0, 1), "quantity": int32(1),
		"items": nil, "page_url": text("https://shop.example/"), "ip": nil, "user_agent": nil, "ttclid": nil,
		"occurred_at": time.Now().UTC().Format(time.RFC3339Nano), "created_at": time.Now().UnixMicro(), "note": nil,
	}
}

// badRows spoil a column or the bytes, each for a reason.
var badRows = []struct {
	reason pipeline.Reason
	column func(r row)
	bytes  func(value []byte) []byte
}{
	{reason: pipeline.InvalidCurrency, column: func(r row) { r["currency"] = "DOLLARS" }},
	{reason: pipeline.InvalidEmail, column: func(r row) { r["email"] = text("ada at example dot com") }},
	{reason: pipeline.InvalidURL, column: func(r row) { r["page_url"] = text("/thanks") }},
	{reason: pipeline.NegativeNumber, column: func(r row) { r["amount"] = row{"bytes.decimal": big.NewRat(-5, 1)} }},
	{reason: pipeline.InvalidEventName, column: func(r row) { r["status"] = "refunded" }},
	{reason: pipeline.AvroDecode, bytes: func(v []byte) []byte { return v[:len(v)/2] }},
	{reason: pipeline.TrailingBytes, bytes: func(v []byte) []byte { return append(v, 0, 0, 0) }},
	{reason: pipeline.UnknownMagicByte, bytes: func(v []byte) []byte { return append([]byte("hello "), v...) }},
	{reason: pipeline.SchemaNotFound, bytes: func(v []byte) []byte { return append(virtual.Frame(99), v[5:]...) }},
}

// next is a random row and its fate: mostly good, sometimes bad, poison, or one to be skipped.
func (b *table) next() (pipeline.Record, fate) {
	r := b.order()
	f := fate{outcome: pipeline.Delivered, id: r["order_uid"].(string)}
	op := "c"
	var spoil func([]byte) []byte
	switch b.rand.IntN(14) {
	case 0:
		bad := badRows[b.rand.IntN(len(badRows))]
		f.outcome, f.reason, spoil = pipeline.DeadLettered, bad.reason, bad.bytes
		if bad.column != nil {
			bad.column(r)
		}
	case 1:
		f.outcome, f.reason, f.poison = pipeline.DeadLettered, pipeline.RefusedByTikTok, true
	case 2:
		f.outcome, r["status"] = pipeline.Skipped, "pending"
	case 3:
		f.outcome, op = pipeline.Skipped, "u"
	}
	record := b.change(op, r)
	if spoil != nil {
		record.Value = spoil(record.Value)
	}
	return record, f
}

func (b *table) change(op string, r row) pipeline.Record {
	now := time.Now()
	key := virtual.Must(b.key.BinaryFromNative(virtual.Frame(keySchema), row{"id": r["id"]}))
	value := virtual.Must(b.value.BinaryFromNative(virtual.Frame(valueSchema), row{
		"before": nil, "after": row{"shop.public.orders.Value": r}, "source": virtual.Source(now, "orders"), "transaction": nil, "op": op,
		"ts_ms": row{"long": now.UnixMilli()}, "ts_us": nil, "ts_ns": nil,
	}))
	return pipeline.Record{Key: key, Value: value}
}

func text(s string) any { return row{"string": s} }
