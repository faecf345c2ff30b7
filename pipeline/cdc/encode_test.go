package cdc

import (
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/linkedin/goavro/v2"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// testSchema is a schema of testdata/schemas, ready to encode with goavro. Bytes of tests never come from our own code.
type testSchema struct {
	text  string
	root  *avro.Type
	codec *goavro.Codec
}

func schemaOf(t testing.TB, text string, references ...avro.Reference) *testSchema {
	t.Helper()
	root, err := avro.Parse(&avro.Source{Text: text, References: references})
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	avro.Legal(root)
	codec, err := avro.CodecOf(root)
	if err != nil {
		t.Fatalf("goavro: %v", err)
	}
	return &testSchema{text: text, root: root, codec: codec}
}

func schemaFile(t testing.TB, name string) *testSchema {
	t.Helper()
	text, err := os.ReadFile("testdata/schemas/" + name + ".avsc")
	if err != nil {
		t.Fatal(err)
	}
	return schemaOf(t, string(text))
}

// encode makes a row's bytes of plain JSON: goavro writes them, this only puts the JSON into the Go types goavro wants.
// In the JSON a union's value stands bare ({"$branch": n, "value": …} chooses one of several), decimals are text, other
// binary is text or hex:….
func (s *testSchema) encode(t testing.TB, plainJSON string) []byte {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(plainJSON))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("value: %v", err)
	}
	out, err := s.codec.BinaryFromNative(nil, forGoavro(t, s.root, v))
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return out
}

func forGoavro(t testing.TB, of *avro.Type, v any) any {
	t.Helper()
	switch of.Kind {
	case avro.KindUnion:
		return unionForGoavro(t, of, v)
	case avro.KindRecord:
		row, out := v.(map[string]any), map[string]any{}
		for _, f := range of.Fields {
			out[f.GoName] = forGoavro(t, f.Type, row[f.Name])
		}
		return out
	case avro.KindArray:
		out := []any{}
		for _, e := range v.([]any) {
			out = append(out, forGoavro(t, of.Items, e))
		}
		return out
	case avro.KindMap:
		out := map[string]any{}
		for k, e := range v.(map[string]any) {
			out[k] = forGoavro(t, of.Items, e)
		}
		return out
	}
	return scalarForGoavro(t, of, v)
}

func unionForGoavro(t testing.TB, of *avro.Type, v any) any {
	t.Helper()
	if v == nil {
		return nil
	}
	if m, ok := v.(map[string]any); ok && m["$branch"] != nil {
		n, _ := m["$branch"].(json.Number).Int64()
		b := of.Branches[n]
		return goavro.Union(b.GoavroName(), forGoavro(t, b, m["value"]))
	}
	for _, b := range of.Branches {
		if b.Kind != avro.KindNull {
			return goavro.Union(b.GoavroName(), forGoavro(t, b, v))
		}
	}
	return nil
}

func scalarForGoavro(t testing.TB, of *avro.Type, v any) any {
	t.Helper()
	switch v := v.(type) {
	case json.Number:
		if of.Kind == avro.KindFloat || of.Kind == avro.KindDouble {
			f, _ := v.Float64()
			return f
		}
		n, err := v.Int64()
		if err != nil {
			t.Fatal(err)
		}
		return n
	case string:
		switch {
		case of.Meaning == avro.Decimal && !strings.HasPrefix(v, "hex:"):
			return unscaled(t, v, of.Scale)
		case strings.HasPrefix(v, "hex:"):
			b, err := hex.DecodeString(v[4:])
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		return v
	}
	return v
}

// unscaled writes a decimal as Java does: big-endian two's complement, as short as it can be.
func unscaled(t testing.TB, text string, scale int32) []byte {
	t.Helper()
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("no decimal: %s", text)
	}
	r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
	if !r.IsInt() {
		t.Fatalf("%s has more than %d digits", text, scale)
	}
	der, err := asn1.Marshal(r.Num()) // an ASN.1 INTEGER has the same content
	var value asn1.RawValue
	if err == nil {
		_, err = asn1.Unmarshal(der, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value.Bytes
}
