package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"math/big"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

func digestOf(c *pipeline.Change) string {
	d := new(Columns).Digest()
	return string(d.All(nil, c))
}

// TestTheDigestIsTheDocumentedOne builds the hashed bytes by hand, as docs/decisions describes them.
func TestTheDigestIsTheDocumentedOne(t *testing.T) {
	row := columns{"total": pipeline.DecimalValue(1250, 2), "id": num(42), "note": pipeline.NullValue(), "paid": pipeline.BoolValue(true)}
	text := "\x00\x00\x00\x02id\x00\x00\x00\x0242" + "\x00\x00\x00\x04paid\x00\x00\x00\x04true" + "\x00\x00\x00\x05total\x00\x00\x00\x0412.5"
	sum := sha256.Sum256([]byte(text))
	want := hex.EncodeToString(sum[:])[:DigestLength]
	if got := digestOf(change(&Columns{}, pipeline.Insert, nil, row)); got != want || want != "771e66a0a1298232d232daab4b6ae491" {
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
		"number": {"a": num(12)}, "numbers": {"a": num(1), "b": num(2)}, "decimal": {"a": pipeline.DecimalValue(1250, 2)},
	} {
		digest := digestOf(change(&Columns{}, pipeline.Insert, nil, row))
		if other, there := seen[digest]; there || len(digest) != DigestLength {
			t.Errorf("%s has the digest of %s: %s", name, other, digest)
		}
		seen[digest] = name
	}
}

// TestARescaledDecimalIsTheSameValue: the numbers are written by hand as unscaled digits and scale; those of a group are equal.
func TestARescaledDecimalIsTheSameValue(t *testing.T) {
	big := func(digits string, scale int32) pipeline.Value {
		n, _ := new(big.Int).SetString(digits, 10)
		return pipeline.BigDecimalValue(append([]byte{0}, n.Bytes()...), scale)
	}
	seen := map[string]int{}
	for i, group := range [][]pipeline.Value{
		{pipeline.DecimalValue(125, 1), pipeline.DecimalValue(1250, 2), pipeline.DecimalValue(125000, 4), pipeline.FloatValue(12.5)},
		{pipeline.DecimalValue(12, 0), pipeline.DecimalValue(1200, 2), num(12)},
		{pipeline.DecimalValue(1200, 0), pipeline.DecimalValue(12, -2), pipeline.DecimalValue(120000, 2), num(1200)},
		{pipeline.DecimalValue(0, 0), pipeline.DecimalValue(0, 2), pipeline.DecimalValue(0, 4), num(0)},
		{pipeline.DecimalValue(-5, 1), pipeline.DecimalValue(-5000, 4)},
		{pipeline.DecimalValue(5, 3), pipeline.DecimalValue(500, 5)},
		{big("123456789012345678901234567890", 10), big("1234567890123456789012345678900", 11)},
		{str("12.50")}, {str("12.5000")}, // texts are as they are
	} {
		for _, v := range group {
			for name, value := range map[string]pipeline.Value{"column": v, "list": pipeline.ListValue([]pipeline.Value{v}), "record": pipeline.StructValue([]string{"k"}, []pipeline.Value{v})} {
				digest := digestOf(change(&Columns{}, pipeline.Insert, nil, columns{name: value}))
				if other, there := seen[digest]; there && other != i {
					t.Errorf("%s %s: the digest of group %d is that of group %d", name, show(v), i, other)
				}
				seen[digest] = i
			}
		}
	}
	if want := 9 * 3; len(seen) != want { // one digest for a group in each of three forms
		t.Errorf("got %d digests, want %d", len(seen), want)
	}
}

// TestWhatALoadChangesIsNoPartOfTheDigest takes names from the producers' documentation, as they and Snowflake write them.
func TestWhatALoadChangesIsNoPartOfTheDigest(t *testing.T) {
	row := columns{"id": num(7), "total": pipeline.DecimalValue(1250, 2)}
	want := digestOf(change(&Columns{}, pipeline.Insert, nil, row))
	for _, name := range []string{"_airbyte_raw_id", "_airbyte_extracted_at", "_AIRBYTE_META", "_airbyte_generation_id", "_ab_cdc_lsn", "_fivetran_synced", "_FIVETRAN_SYNCED",
		"_sdc_batched_at", "_sdc_sequence", "_dlt_load_id", "_dlt_id", "__hevo__loaded_at", "__op", "__source_ts_ms", "_commit_version", "_commit_timestamp", "_change_type",
		"_CHANGE_SEQUENCE_NUMBER", "METADATA$ISUPDATE", "flow_published_at", "_meta/uuid", "_rescued_data", "_PEERDB_SYNCED_AT", "uuid_ts", "_sequence_id_"} {
		with := maps.Clone(row)
		with[name] = str("of this load")
		if got := digestOf(change(&Columns{}, pipeline.Insert, nil, with)); got != want {
			t.Errorf("%s changes the digest", name)
		}
	}
	for _, name := range []string{"_airbyte_data", "_sdc_source_key_id", "_dlt_parent_id", "_dlt_list_idx", "metadata$row_id", "synced", "_id", "meta", "airbyte_raw_id"} {
		with := maps.Clone(row)
		with[name] = str("tells rows apart")
		if got := digestOf(change(&Columns{}, pipeline.Insert, nil, with)); got == want {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

// TestAColumnNamedForADigestIsPartOfIt: what the configuration names is its own affair.
func TestAColumnNamedForADigestIsPartOfIt(t *testing.T) {
	cols := &Columns{}
	at := []int{cols.Index("_fivetran_synced")}
	of := func(value string) string {
		return string(new(Digest).Of(nil, change(cols, pipeline.Insert, nil, columns{"_fivetran_synced": str(value)}), []string{"_fivetran_synced"}, at))
	}
	if of("a") == of("b") || of("a") == "" {
		t.Error("the column does not change the digest")
	}
}

func TestTheOperationIsNoPartOfTheDigest(t *testing.T) {
	cols := &Columns{}
	cols.LeaveOut("op", "is_deleted")
	d := cols.Digest()
	want := string(d.All(nil, change(cols, pipeline.Insert, nil, columns{"id": num(7)})))
	for _, row := range []columns{{"id": num(7), "op": str("c")}, {"id": num(7), "OP": str("r"), "is_deleted": num(0)}} {
		if got := string(d.All(nil, change(cols, pipeline.Snapshot, nil, row))); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestColumnsThatLookLikeLoadMetadataAreTold also has rows of several shapes take turns, which are learned once.
func TestColumnsThatLookLikeLoadMetadataAreTold(t *testing.T) {
	var told []string
	cols := &Columns{}
	cols.OnSuspect(func(column string) { told = append(told, column) })
	d := cols.Digest()
	odd := change(cols, pipeline.Insert, nil, columns{"id": num(1), "_loaded_at": str("x"), "dwh_synced_at": str("x"), "_INGESTION_TIME": str("x"), "_fivetran_synced": str("x"),
		"upload": str("x"), "sync": str("x"), "_id": str("x"), "download_batch": str("x")})
	even := change(cols, pipeline.Insert, nil, columns{"id": num(1)})
	for range 3 {
		d.All(nil, odd)
		d.All(nil, even)
	}
	if want := []string{"_INGESTION_TIME", "_loaded_at", "dwh_synced_at"}; !slices.Equal(told, want) {
		t.Errorf("told %v, want %v, each once", told, want)
	}
	var dst []byte
	if n := testing.AllocsPerRun(100, func() { dst = d.All(d.All(dst[:0], odd), even) }); n > 0 {
		t.Errorf("rows of two shapes in turn cost %v allocations", n)
	}
}

// TestTheListOfColumnsLeftOutIsDocumented keeps the decision's list equal to the code's.
func TestTheListOfColumnsLeftOutIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/decisions/0301-the-event-id.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(page), "## Columns left out\n")
	list, _, _ = strings.Cut(list, "\n## ")
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\| .* \| (.*) \|$`).FindAllStringSubmatch(list, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(m[1], -1) {
			got = append(got, name[1])
		}
	}
	want := slices.Sorted(slices.Values(loadColumns))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("documented are %v, want %v", got, want)
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
