package demo

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
)

// badRow is one way in which rows of real companies are bad. Half of them spoil a column, half the bytes.
type badRow struct {
	reason pipeline.Reason
	column func(r row, now time.Time)
	bytes  func(value []byte) []byte
}

// badRows are the ways the demo's orders go wrong, each with the reason it has to be rejected for.
var badRows = []badRow{
	{reason: pipeline.InvalidCurrency, column: set("currency", "DOLLARS")},
	{reason: pipeline.InvalidPhone, column: set("phone", text("call me"))},
	{reason: pipeline.InvalidEmail, column: set("email", text("ada at example dot com"))},
	{reason: pipeline.NegativeNumber, column: set("amount", money(-1999))},
	{reason: pipeline.InvalidURL, column: set("page_url", text("/thanks"))},
	{reason: pipeline.InvalidIP, column: set("ip", text("203.0.113.9:443"))},
	{reason: pipeline.InvalidContents, column: set("items", text(`[{"content_id": "tea-01", "price": `))},
	{reason: pipeline.InvalidEventName, column: set("status", "refunded")},
	{reason: pipeline.EventTooOld, column: func(r row, now time.Time) {
		r["occurred_at"] = now.AddDate(0, -2, 0).Format(time.RFC3339)
	}},
	{reason: pipeline.EventInFuture, column: func(r row, now time.Time) {
		r["occurred_at"] = now.AddDate(0, 0, 2).Format(time.RFC3339)
	}},
	{reason: pipeline.NoIdentifier, column: func(r row, _ time.Time) {
		r["email"], r["phone"], r["customer_id"] = nil, nil, nil
	}},
	{reason: pipeline.AvroDecode, bytes: func(v []byte) []byte { return v[:len(v)/2] }},
	{reason: pipeline.TrailingBytes, bytes: func(v []byte) []byte { return append(v, 0, 0, 0) }},
	{reason: pipeline.UnknownMagicByte, bytes: func(v []byte) []byte { return append([]byte("hello "), v...) }},
	{reason: pipeline.SchemaNotFound, bytes: func(v []byte) []byte { return append([]byte{0, 0, 0, 0x26, 0x94}, v[5:]...) }},
}

func set(column string, value any) func(row, time.Time) {
	return func(r row, _ time.Time) { r[column] = value }
}
