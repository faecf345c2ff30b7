package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

func digestOf(c *pipeline.Change) string { return string(new(Digest).All(nil, c)) }

// TestTheDigestIsTheDocumentedOne builds the hashed bytes by hand, as docs/decisions describes them.
func TestTheDigestIsTheDocumentedOne(t *testing.T) {
	row := columns{"total": pipeline.DecimalValue(1250, 2), "id": num(42), "note": pipeline.NullValue(), "paid": pipeline.BoolValue(true)}
	text := "\x00\x00\x00\x02id\x00\x00\x00\x0242" + "\x00\x00\x00\x04paid\x00\x00\x00\x04true" + "\x00\x00\x00\x05total\x00\x00\x00\x0512.50"
	sum := sha256.Sum256([]byte(text))
	want := hex.EncodeToString(sum[:])[:DigestLength]
	if got := digestOf(change(&Columns{}, pipeline.Insert, nil, row)); got != want || want != "dbc32705c7c30eac8ac1409972fccb46" {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheDigestStaysWhereTheRowStays(t *testing.T) {
	row := columns{"a": str("x"), "b": num(1), "j": jsn(`{"k":1}`)}
	want := digestOf(change(&Columns{}, pipeline.Insert, nil, row))
	wanted := &Columns{}
	wanted.Index("j") // another sync asks for its columns in another order
	for name, got := range map[string]*pipeline.Change{
		"a nullable column added": change(&Columns{}, pipeline.Insert, nil, columns{"a": str("x"), "b": num(1), "j": jsn(`{"k":1}`), "new": pipeline.NullValue()}),
		"a column not read":       change(&Columns{}, pipeline.Insert, nil, columns{"a": str("x"), "b": num(1), "j": jsn(`{"k":1}`), "toast": pipeline.UnavailableValue()}),
		"another order":           change(wanted, pipeline.Insert, nil, row),
		"a snapshot":              change(&Columns{}, pipeline.Snapshot, nil, row),
		"an update to the same":   change(&Columns{}, pipeline.Update, columns{"a": str("old")}, row),
		"its deletion":            change(&Columns{}, pipeline.Delete, row, nil),
	} {
		if got := digestOf(got); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

func TestTheDigestChangesWithTheRow(t *testing.T) {
	list := func(values ...pipeline.Value) pipeline.Value { return pipeline.ListValue(values) }
	seen := map[string]string{}
	for name, row := range map[string]columns{
		"one": {"a": str("x"), "b": str("y")}, "moved": {"a": str("y"), "b": str("x")}, "joined": {"a": str("xy")}, "shifted": {"a": str("xb"), "": str("y")},
		"other name": {"ab": str("xy")}, "blank": {"a": str("xy"), "b": str("")}, "list": {"a": list(str("x"), str("y"))}, "list joined": {"a": list(str("xy"))},
		"list with null": {"a": list(str("xy"), pipeline.NullValue())}, "nested": {"a": list(list(str("x")), str("y"))},
		"record": {"a": pipeline.StructValue([]string{"k"}, []pipeline.Value{str("x")})}, "record's name": {"a": pipeline.StructValue([]string{"x"}, []pipeline.Value{str("k")})},
		"number": {"a": num(12)}, "numbers": {"a": num(1), "b": num(2)}, "decimal": {"a": pipeline.DecimalValue(1200, 2)},
	} {
		digest := digestOf(change(&Columns{}, pipeline.Insert, nil, row))
		if other, there := seen[digest]; there || len(digest) != DigestLength {
			t.Errorf("%s has the digest of %s: %s", name, other, digest)
		}
		seen[digest] = name
	}
}

func TestARowWithoutValuesHasNoDigest(t *testing.T) {
	for _, c := range []*pipeline.Change{change(&Columns{}, pipeline.Insert, nil, columns{"a": pipeline.NullValue()}), {Op: pipeline.Insert}} {
		if got := digestOf(c); got != "" {
			t.Errorf("got %s, want nothing", got)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	row := columns{}
	for i := range 20 {
		row[string(rune('a'+i))+"_column"] = []pipeline.Value{str("some text here"), num(123456), pipeline.DecimalValue(12990, 2)}[i%3]
	}
	c := change(&Columns{}, pipeline.Insert, nil, row)
	var d Digest
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = d.All(dst[:0], c)
	}
}
