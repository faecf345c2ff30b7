package demo

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"time"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/schemas"
)

// table encodes changes of one source table the way Debezium's PostgreSQL connector and the Avro converter write them.
// It uses goavro alone, so that what the daemon reads was not written by its own code.
type table struct {
	name        string
	key, value  *goavro.Codec
	keyID, id   int
	lsn         int64
	transaction int64
}

// newTable makes the table's encoder; keyID and valueID are its schemas' ids in the registry.
func newTable(name string, keyID, valueID int) (*table, error) {
	key, err := goavro.NewCodec(schemas.Demo(name, "key"))
	if err != nil {
		return nil, fmt.Errorf("key schema of %s: %w", name, err)
	}
	value, err := goavro.NewCodec(schemas.Demo(name, "value"))
	if err != nil {
		return nil, fmt.Errorf("value schema of %s: %w", name, err)
	}
	return &table{name: name, key: key, value: value, keyID: keyID, id: valueID, lsn: 24_000_000, transaction: 500}, nil
}

func (t *table) topic() string { return "shop.public." + t.name }

type row = map[string]any

// change is one envelope: op is Debezium's letter.
func (t *table) change(op string, before, after row, at time.Time) (key, value []byte, err error) {
	id := after
	if after == nil {
		id = before
	}
	if key, err = t.key.BinaryFromNative(frame(t.keyID), row{"id": id["id"]}); err != nil {
		return nil, nil, fmt.Errorf("encode key of %s: %w", t.name, err)
	}
	value, err = t.value.BinaryFromNative(frame(t.id), row{
		"before": t.image(before), "after": t.image(after), "source": t.source(op, at), "transaction": nil,
		"op": op, "ts_ms": long(at.UnixMilli() + 5), "ts_us": long(at.UnixMicro() + 5000), "ts_ns": long(at.UnixNano() + 5_000_000),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("encode change of %s: %w", t.name, err)
	}
	return key, value, nil
}

func (t *table) image(r row) any {
	if r == nil {
		return nil
	}
	return row{"shop.public." + t.name + ".Value": r}
}

func (t *table) source(op string, at time.Time) row {
	t.lsn += 64
	t.transaction++
	snapshot := "false"
	if op == "r" {
		snapshot = "true"
	}
	return row{
		"version": "3.5.2.Final", "connector": "postgresql", "name": "shop", "ts_ms": at.UnixMilli(),
		"snapshot": text(snapshot), "db": "shop", "sequence": nil, "ts_us": long(at.UnixMicro()), "ts_ns": long(at.UnixNano()),
		"schema": "public", "table": t.name, "txId": long(t.transaction), "lsn": long(t.lsn), "xmin": nil,
		"origin": nil, "origin_lsn": nil,
	}
}

// frame is Confluent's framing: a zero byte and the schema's id.
func frame(id int) []byte {
	return binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
}

// The members of Avro's unions as goavro wants them.
func text(s string) any { return row{"string": s} }
func long(n int64) any  { return row{"long": n} }
func money(cents int64) row {
	return row{"bytes.decimal": big.NewRat(cents, 100)}
}
