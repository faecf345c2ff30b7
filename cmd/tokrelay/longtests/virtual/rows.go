package virtual

import (
	"encoding/binary"
	"time"
)

// Source is what Debezium says of a change of one of the shop's tables.
func Source(at time.Time, table string) map[string]any {
	return map[string]any{
		"version": "3.5.2.Final", "connector": "postgresql", "name": "shop", "ts_ms": at.UnixMilli(), "snapshot": map[string]any{"string": "false"},
		"db": "shop", "sequence": nil, "ts_us": nil, "ts_ns": nil, "schema": "public", "table": table, "txId": nil,
		"lsn": nil, "xmin": nil, "origin": nil, "origin_lsn": nil,
	}
}

// Must is for encoding rows of our own making.
func Must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// Frame is Confluent's: a zero byte and the schema's id.
func Frame(id int) []byte { return binary.BigEndian.AppendUint32([]byte{0}, uint32(id)) }
