package cdc

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const guidDigits = "0102030405060708090a0b0c0d0e0f10"

var aGUID = [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}

func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// header is a name and hexadecimal digits.
func header(t testing.TB, name, digits string) pipeline.Header {
	return pipeline.Header{Key: name, Value: unhex(t, digits)}
}

func framingOf(t testing.TB, text string) Framing {
	t.Helper()
	var c struct {
		Framing Framing `yaml:"framing"`
	}
	if err := settings.Load([]byte("framing: "+text), &c, settings.Lookup{}).Err(); err != nil {
		t.Fatal(err)
	}
	return c.Framing
}

func TestEveryFramingIsRead(t *testing.T) {
	number := func(n int64) registry.ID { return registry.ID{Kind: registry.NumberID, N: n} }
	global := func(n int64) registry.ID { return registry.ID{Kind: registry.GlobalID, N: n} }
	guid := registry.ID{Kind: registry.GUIDID, GUID: aGUID}
	for _, c := range []struct {
		name, framing, payload string
		headers                []pipeline.Header
		want                   registry.ID
		body                   string
	}{
		{"Confluent prefix", "auto", "00 0000002a 0102", nil, number(42), "0102"},
		{"Confluent prefix of an empty record", "auto", "00 0000002a", nil, number(42), ""},
		{"Confluent prefix by name", "confluent", "00 0000002a 0102", nil, number(42), "0102"},
		{"Confluent prefix with a GUID", "auto", "01" + guidDigits + "0102", nil, guid, "0102"},
		{"Confluent header with a GUID", "auto", "0002", []pipeline.Header{header(t, "__value_schema_id", "01"+guidDigits)}, guid, "0002"},
		{"Confluent header by name", "header", "0002", []pipeline.Header{header(t, "__value_schema_id", "01"+guidDigits)}, guid, "0002"},
		{"Confluent header with a number", "auto", "0002", []pipeline.Header{header(t, "__value_schema_id", "00 0000002a")}, number(42), "0002"},
		{"the last header of a name wins", "auto", "02", []pipeline.Header{header(t, "__value_schema_id", "00 00000001"), header(t, "__value_schema_id", "00 00000002")}, number(2), "02"},
		{"the key's header is not the value's", "auto", "00 00000007 02", []pipeline.Header{header(t, "__key_schema_id", "00 00000001")}, number(7), "02"},
		{"Apicurio 3 header", "auto", "0002", []pipeline.Header{header(t, "apicurio.value.contentId", "000000000000002a")}, number(42), "0002"},
		{"Apicurio 2 header", "auto", "0002", []pipeline.Header{header(t, "apicurio.value.globalId", "000000000000002a"), header(t, "apicurio.value.encoding", "42494e415259")}, global(42), "0002"},
		{"Apicurio with both numbers", "apicurio", "0002", []pipeline.Header{header(t, "apicurio.value.globalId", "0000000000000007"), header(t, "apicurio.value.contentId", "0000000000000008")}, global(7), "0002"},
		{"Confluent's header before Apicurio's", "auto", "0002", []pipeline.Header{header(t, "__value_schema_id", "00 00000001"), header(t, "apicurio.value.globalId", "0000000000000007")}, number(1), "0002"},
		{"Apicurio header by another name", "{style: apicurio, id_header: our.id}", "02", []pipeline.Header{header(t, "our.id", "0000000000000009")}, number(9), "02"},
		{"renamed header with a globalId", "{id_header: our.id, id: global}", "02", []pipeline.Header{header(t, "our.id", "0000000000000009")}, global(9), "02"},
		{"Azure's content type", "auto", "02", []pipeline.Header{{Key: "content-type", Value: []byte("avro/binary+" + guidDigits)}}, guid, "02"},
		{"another content type", "auto", "00 00000007 02", []pipeline.Header{{Key: "content-type", Value: []byte("application/avro")}}, number(7), "02"},
		{"eight bytes", "{id_bytes: 8}", "00 000000000000002a 02", nil, global(42), "02"},
		{"eight bytes with a contentId", "{id_bytes: 8, id: content}", "00 000000000000002a 02", nil, number(42), "02"},
		{"four bytes with a globalId", "{id: global}", "00 0000002a 02", nil, global(42), "02"},
		{"single object", "auto", "c301 efcdab8967452301 02", nil, registry.ID{Kind: registry.FingerprintID, N: 0x0123456789abcdef}, "02"},
		{"single object by name", "single_object", "c301 ffffffffffffffff", nil, registry.ID{Kind: registry.FingerprintID, N: -1}, ""},
		{"JSON", "auto", "7b7d", nil, registry.ID{}, "7b7d"},
		{"JSON by name, with space", "json", "207b7d", nil, registry.ID{}, "207b7d"},
		{"bare", "{style: bare, schema: shop.Order}", "00 0000002a", nil, registry.Named("shop.Order"), "000000002a"},
		{"another framing for the topic", "{style: json, topics: {orders: confluent}}", "00 0000002a 02", nil, number(42), "02"},
		{"the framing of another topic", "{topics: {others: json}}", "00 0000002a 02", nil, number(42), "02"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &pipeline.Record{Topic: "orders", Value: unhex(t, c.payload), Headers: c.headers}
			id, body, err := readFrame(framingOf(t, c.framing), r, false)
			if err != nil || id != c.want || !bytes.Equal(body, unhex(t, c.body)) {
				t.Errorf("got %+v, %x, %v; want %+v, %s", id, body, err, c.want, c.body)
			}
		})
	}
}

func TestKeysHaveTheirOwnFraming(t *testing.T) {
	r := &pipeline.Record{Topic: "orders", Key: []byte(`{"id":1}`), Value: unhex(t, "00 0000002a 02"),
		Headers: []pipeline.Header{header(t, "apicurio.value.globalId", "0000000000000007"), header(t, "__key_schema_id", "00 00000003")}}
	for _, c := range []struct {
		framing string
		want    registry.ID
	}{
		{"auto", registry.ID{Kind: registry.NumberID, N: 3}},
		{"{key: json}", registry.ID{}},
		{"{topics: {orders: {key: json}}}", registry.ID{}},
		{"{topics: {others: {key: json}}}", registry.ID{Kind: registry.NumberID, N: 3}},
	} {
		id, body, err := readFrame(framingOf(t, c.framing), r, true)
		if err != nil || id != c.want || !bytes.Equal(body, r.Key) {
			t.Errorf("%s: got %+v, %q, %v; want %+v and the key", c.framing, id, body, err, c.want)
		}
	}
}

func TestWhatIsNoFramingIsRefusedByName(t *testing.T) {
	for _, c := range []struct {
		name, framing, payload string
		headers                []pipeline.Header
		reason                 pipeline.Reason
		says                   string
	}{
		{"empty", "auto", "", nil, pipeline.EmptyValue, ""},
		{"empty, with a style", "confluent", "", nil, pipeline.EmptyValue, ""},
		{"empty, single object", "single_object", "", nil, pipeline.EmptyValue, ""},
		{"short Confluent prefix", "auto", "00 000000", nil, pipeline.ShortHeader, "4 bytes"},
		{"short GUID", "auto", "01 0203", nil, pipeline.ShortHeader, "16 bytes"},
		{"short single object", "auto", "c301 0203", nil, pipeline.ShortHeader, "fingerprint"},
		{"single object's first byte alone", "auto", "c3", nil, pipeline.ShortHeader, "fingerprint"},
		{"short eight bytes", "{id_bytes: 8}", "00 0000002a 02", nil, pipeline.ShortHeader, "8 bytes"},
		{"eight bytes read as four", "auto", "00 0000000000000007 02", nil, pipeline.UnsupportedFraming, "{id_bytes: 8}"},
		{"AWS Glue", "auto", "03 00" + guidDigits + "02", nil, pipeline.UnsupportedFraming, "AWS Glue"},
		{"AWS Glue compressed", "confluent", "03 05" + guidDigits + "02", nil, pipeline.UnsupportedFraming, "AWS Glue"},
		{"container file", "auto", "4f626a01 0000", nil, pipeline.UnsupportedFraming, "container file"},
		{"plain text", "auto", "68656c6c6f", nil, pipeline.UnknownMagicByte, "set framing"},
		{"Protobuf", "auto", "0a0568656c6c6f", nil, pipeline.UnknownMagicByte, "set framing"},
		{"a JSON list", "auto", "5b5d", nil, pipeline.UnknownMagicByte, "set framing"},
		{"JSON where Confluent is said", "confluent", "7b7d", nil, pipeline.UnknownMagicByte, "framing.style"},
		{"no header where one is said", "header", "00 0000002a", nil, pipeline.ShortHeader, "header"},
		{"a GUID header that is short", "auto", "02", []pipeline.Header{header(t, "__value_schema_id", "0102")}, pipeline.ShortHeader, "__value_schema_id"},
		{"a number header that is short", "auto", "02", []pipeline.Header{header(t, "apicurio.value.globalId", "01")}, pipeline.ShortHeader, "apicurio.value.globalId"},
		{"a null header", "auto", "02", []pipeline.Header{{Key: "apicurio.value.contentId"}}, pipeline.ShortHeader, "apicurio.value.contentId"},
		{"Azure's content type without an id", "auto", "02", []pipeline.Header{{Key: "content-type", Value: []byte("avro/binary+zz")}}, pipeline.ShortHeader, "content-type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &pipeline.Record{Topic: "orders", Value: unhex(t, c.payload), Headers: c.headers}
			_, _, err := readFrame(framingOf(t, c.framing), r, false)
			rejection, ok := errors.AsType[*pipeline.Rejection](err)
			if !ok || rejection.Stage != pipeline.StageFrame || rejection.Reason != c.reason || !strings.Contains(rejection.Rule, c.says) {
				t.Errorf("got %v, want %s that says %q", err, c.reason, c.says)
			}
		})
	}
}

func TestARefusedKeySaysThatItIsTheKey(t *testing.T) {
	_, _, err := readFrame(Framing{}, &pipeline.Record{Key: []byte("alice@example.com")}, true)
	rejection, ok := errors.AsType[*pipeline.Rejection](err)
	if !ok || rejection.Field != "key" || strings.Contains(err.Error(), "alice") {
		t.Errorf("got %v, want a rejection of the key without its text", err)
	}
}

func TestFramingSettingsThatDoNotFitAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"confluence":                   "error: framing: must be one of auto",
		"bare":                         "error: framing: must be one of auto",
		"{style: bare}":                "error: framing.schema: required",
		"{schema: a.B}":                "error: framing.schema: is for style bare",
		"{id_bytes: 5}":                "error: framing.id_bytes: must be 4 or 8",
		"{key: {id_bytes: 5}}":         "error: framing.key.id_bytes: must be 4 or 8",
		"{topics: {t: {stile: json}}}": "error: framing.topics.t.stile: unknown key (did you mean style?)",
	} {
		var c struct {
			Framing Framing `yaml:"framing"`
		}
		err := settings.Load([]byte("framing: "+text), &c, settings.Lookup{}).Err()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestTheFramingPrintsAsItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"confluent":                        "framing: confluent\n",
		"{id_bytes: 8, topics: {t: json}}": "framing:\n  style: auto\n  id_bytes: 8\n  topics:\n    t: json\n",
	} {
		c := struct {
			Framing Framing `yaml:"framing"`
		}{framingOf(t, text)}
		if got := string(settings.Effective(c)); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestReadingAFrameAllocatesNothing(t *testing.T) {
	r := &pipeline.Record{Topic: "orders", Value: unhex(t, "00 0000002a 02"), Headers: []pipeline.Header{{Key: "a"}, {Key: "b"}}}
	f := framingOf(t, "{key: json, topics: {others: json}}")
	if got := testing.AllocsPerRun(100, func() { readFrame(f, r, false) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func FuzzReadFrame(f *testing.F) {
	for _, digits := range []string{"", "00", "000000002a02", "01", "03", "c301", "7b7d", "4f626a01", "0000000000000000"} {
		b, _ := hex.DecodeString(digits)
		f.Add(b, "__value_schema_id", b)
		f.Add(b, "apicurio.value.globalId", b)
		f.Add(b, "content-type", []byte("avro/binary+"))
	}
	styles := []Carrier{{}, {IDBytes: 8}, {Style: styleConfluent}, {Style: styleHeader}, {Style: styleApicurio, IDHeader: "x"},
		{Style: styleSingleObject}, {Style: styleBare, Schema: "a"}, {Style: styleJSON}}
	f.Fuzz(func(t *testing.T, payload []byte, name string, value []byte) {
		r := &pipeline.Record{Key: payload, Value: payload, Headers: []pipeline.Header{{Key: name, Value: value}}}
		for _, style := range styles {
			for _, key := range []bool{false, true} {
				_, body, err := readFrame(Framing{Carrier: style}, r, key)
				if err == nil && !bytes.HasSuffix(payload, body) {
					t.Errorf("got a body that is not the end of the payload")
				}
				if _, ok := errors.AsType[*pipeline.Rejection](err); err != nil && !ok {
					t.Errorf("got %v, want a rejection", err)
				}
			}
		}
	})
}

func TestASingleObjectOfGoavroNamesItsSchema(t *testing.T) {
	codec, err := goavro.NewCodec(`{"type":"record","name":"a.Order","fields":[{"name":"id","type":"long"},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}}]}`)
	if err != nil {
		t.Fatal(err)
	}
	value, err := codec.SingleFromNative(nil, map[string]any{"id": 1, "amount": big.NewRat(5, 1)})
	if err != nil {
		t.Fatal(err)
	}
	id, body, err := readFrame(Framing{}, &pipeline.Record{Value: value}, false)
	want := binary.LittleEndian.Uint64(value[2:])
	if err != nil || uint64(id.N) != want || len(body) != 4 {
		t.Errorf("got %+v, %x, %v; want fingerprint %016x and four bytes", id, body, err, want)
	}
}
