package cdc

import (
	"encoding/binary"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

func TestARowsIdentityIsItsKeyWithoutItsFraming(t *testing.T) {
	const body = "0e666f6f" // what a serializer writes for the key's columns
	guid := "01 " + guidDigits
	for _, c := range []struct {
		name, framing, key string
		headers            []pipeline.Header
		want               string
	}{
		{"Confluent", "auto", "00 0000002a" + body, nil, body},
		{"Confluent, registered again", "auto", "00 00000107" + body, nil, body},
		{"Confluent by name", "confluent", "00 0000002a" + body, nil, body},
		{"Confluent's GUID before the key", "auto", guid + body, nil, body},
		{"Confluent's GUID in a header", "auto", body, []pipeline.Header{header(t, "__key_schema_id", guid)}, body},
		{"Apicurio's header", "auto", body, []pipeline.Header{header(t, "apicurio.key.globalId", "0000000000000007")}, body},
		{"a bare key that looks framed, with its id in a header", "auto", "00 0000002a" + body, []pipeline.Header{header(t, "apicurio.key.globalId", "0000000000000007")}, "00 0000002a" + body},
		{"the value's id in a header says nothing of the key", "auto", "00 0000002a" + body, []pipeline.Header{header(t, "apicurio.value.globalId", "0000000000000007")}, body},
		{"Apicurio's eight bytes", "{id_bytes: 8}", "00 0000000000000007" + body, nil, body},
		{"eight bytes for keys alone", "{key: {id_bytes: 8}}", "00 0000000000000007" + body, nil, body},
		{"single object", "auto", "c301 1112131415161718" + body, nil, body},
		{"AWS Glue", "auto", "03 00 " + guidDigits + body, nil, body},
		{"AWS Glue, compressed", "auto", "03 05 " + guidDigits + body, nil, body},
		{"of one topic", "{topics: {shop.customers: {style: confluent}}}", "00 0000002a" + body, nil, body},
		{"keys that are JSON by configuration", "{key: {style: json}}", "00 0000002a" + body, nil, "00 0000002a" + body},

		// A key whose framing cannot be recognised is taken as it is.
		{"text", "auto", "637573746f6d65722d37", nil, "637573746f6d65722d37"},
		{"an int as Kafka's serializer writes it", "auto", "00000007", nil, "00000007"},
		{"a long as Kafka's serializer writes it", "auto", "0000000000000007", nil, "0000000000000007"},
		{"five bytes that are nothing else", "auto", "00 0000002a", nil, "00 0000002a"},
		{"the start of a framing", "auto", "00 01", nil, "00 01"},
		{"a short GUID", "auto", "01 0203", nil, "01 0203"},
		{"a UUID", "auto", guidDigits, nil, guidDigits},
		{"three and few bytes", "auto", "03 00 01", nil, "03 00 01"},
	} {
		r := pipeline.Record{Topic: "shop.customers", Key: unhex(t, c.key), Headers: c.headers}
		if got, want := framingOf(t, c.framing).Identity(&r), unhex(t, c.want); string(got) != string(want) {
			t.Errorf("%s: got %x, want %x", c.name, got, want)
		}
	}
}

func TestTheIdentityOfAKeyInJSONIsWithoutConnectsSchema(t *testing.T) {
	for _, c := range []struct{ key, want string }{
		{`{"schema":{"type":"struct","fields":[{"type":"int64","field":"payload","optional":false}]},"payload":{"payload":7}}`, `{"payload":7}`},
		{`{"schema":{"type":"struct","doc":"a comment"}, "payload": {"payload":7} }`, `{"payload":7}`},
		{`{"schema":{"type":"string"},"payload":"a \"payload\": b"}`, `"a \"payload\": b"`},
		{`{"id":7}`, `{"id":7}`},
		{`{"schema":"sales","payload":7}`, `{"schema":"sales","payload":7}`},
		{`{"schema":{},"payload":7,"id":1}`, `{"schema":{},"payload":7,"id":1}`},
		{`{"schema":{},"payload":`, `{"schema":{},"payload":`},
		{`{"id":`, `{"id":`},
	} {
		if got := (Framing{}).Identity(&pipeline.Record{Key: []byte(c.key)}); string(got) != c.want {
			t.Errorf("%s: got %s, want %s", c.key, got, c.want)
		}
	}
}

func TestTheIdentityCostsNoAllocation(t *testing.T) {
	f := framingOf(t, "auto")
	framed := binary.BigEndian.AppendUint32([]byte{0}, 42)
	for _, key := range [][]byte{nil, []byte("customer-7"), append(framed, 14), []byte(`{"id":7}`), []byte(`{"schema":{"type":"struct"},"payload":{"id":7}}`)} {
		r := pipeline.Record{Topic: "shop.customers", Key: key}
		if n := testing.AllocsPerRun(100, func() { f.Identity(&r) }); n != 0 {
			t.Errorf("%q: %v allocations, want none", key, n)
		}
	}
}
