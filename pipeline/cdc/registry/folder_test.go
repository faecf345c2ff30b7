package registry

import (
	"encoding/binary"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
)

// Fingerprints that Avro's specification and its other implementations give for these schemas.
func TestFingerprintsOfTheSpecification(t *testing.T) {
	for text, want := range map[string]uint64{
		`"null"`:    0x63dd24e7cc258f8a,
		`"boolean"`: 0x9f42fc78a4d4f764,
		`"int"`:     0x7275d51a3f395c8f,
		`"long"`:    0xd054e14493f41db7,
		`"float"`:   0x4d7c02cb3ea8d790,
		`"double"`:  0x8e7535c032ab957e,
		`"bytes"`:   0x4fc016dac3201965,
		`"string"`:  0x8f014872634503c7,
		`[ "int" ]`: 0xb763638a48b2fb03,
		`{"fields":[], "type":"record", "name":"foo", "doc":"Useful info", "aliases":["x"]}`: fingerprint([]byte(`{"name":"foo","type":"record","fields":[]}`)),
	} {
		if got := fingerprintOf(&avro.Source{Text: text}); got != want {
			t.Errorf("%s: got %016x, want %016x", text, got, want)
		}
	}
}

var fingerprinted = []string{
	`{"type":"record","name":"Order","namespace":"shop.public","doc":"d","fields":[{"name":"id","type":{"type":"long","connect.default":0},"default":0},
	  {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"],"default":"NEW"}},{"name":"was","type":["null","State"],"default":null},
	  {"name":"digest","type":{"type":"fixed","name":"other.Digest","size":16,"aliases":["D"]}},{"name":"again","type":"other.Digest"},
	  {"name":"tags","type":{"type":"array","items":{"type":"map","values":["null","string"]}}},
	  {"name":"parent","type":["null","Order"]},{"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}}]}`,
	`{"type":"record","name":"a.b.Outer","fields":[{"name":"in","type":{"type":"record","name":"Inner","fields":[{"name":"out","type":["null","Outer"]}]}}]}`,
	`{"type":"array","items":{"type":"record","name":"Bare","fields":[]}}`,
}

// The canonical forms were written by hand from the specification's rules.
func TestFingerprintsAreOfTheCanonicalForm(t *testing.T) {
	for i, want := range []string{
		`{"name":"shop.public.Order","type":"record","fields":[{"name":"id","type":"long"},` +
			`{"name":"state","type":{"name":"shop.public.State","type":"enum","symbols":["NEW","PAID"]}},{"name":"was","type":["null","shop.public.State"]},` +
			`{"name":"digest","type":{"name":"other.Digest","type":"fixed","size":16}},{"name":"again","type":"other.Digest"},` +
			`{"name":"tags","type":{"type":"array","items":{"type":"map","values":["null","string"]}}},` +
			`{"name":"parent","type":["null","shop.public.Order"]},{"name":"amount","type":"bytes"}]}`,
		`{"name":"a.b.Outer","type":"record","fields":[{"name":"in","type":{"name":"a.b.Inner","type":"record","fields":[{"name":"out","type":["null","a.b.Outer"]}]}}]}`,
		`{"type":"array","items":{"name":"Bare","type":"record","fields":[]}}`,
	} {
		root, err := avro.Parse(&avro.Source{Text: fingerprinted[i]})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(canonical(nil, root, map[*avro.Type]bool{})); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestGoavrosOwnFingerprintsAreKnownToo(t *testing.T) {
	codec, err := goavro.NewCodec(singleObject)
	if err != nil {
		t.Fatal(err)
	}
	got := fingerprintsOf(&avro.Source{Text: singleObject})
	if !slices.Contains(got, codec.Rabin) || got[0] == codec.Rabin {
		t.Errorf("got %x, want %x among them, beside the specification's", got, codec.Rabin)
	}
}

// singleObject is a schema that goavro does not bring into canonical form.
const singleObject = `{"type":"record","name":"a.Order","fields":[{"name":"id","type":{"type":"long","connect.default":0},"default":0},
  {"name":"amount","type":{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}}]}`

// fingerprintOf is the specification's.
func fingerprintOf(src *avro.Source) uint64 { return fingerprintsOf(src)[0] }

func folderWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		writeFile(t, filepath.Join(dir, name), text)
	}
	return dir
}

func TestAFolderFindsSchemasByEveryID(t *testing.T) {
	guid := [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	order := recordSchema("shop.Order", ofType("buyer", "shop.Buyer"), ofType("seller", "shop.Buyer"))
	buyer := recordSchema("shop.Buyer", ofType("at", "shop.Address"))
	address := recordSchema("shop.Address")
	dir := folderWith(t, map[string]string{"42.avsc": order, "shop.Buyer.avsc": buyer, guidText(guid) + ".avsc": address, "readme.txt": "no schema"})
	r := hurried(t, Config{Folder: dir}, nil)
	inlined := strings.Replace(order, `"shop.Buyer"`, strings.Replace(buyer, `"shop.Address"`, address, 1), 1)
	for _, c := range []struct {
		id   ID
		text string
		refs []string
	}{
		{idNumber(42), order, []string{"shop.Address", "shop.Buyer"}},
		{ID{Kind: GlobalID, N: 42}, order, []string{"shop.Address", "shop.Buyer"}},
		{Named("shop.Order"), order, []string{"shop.Address", "shop.Buyer"}},
		{Named("shop.Buyer"), buyer, []string{"shop.Address"}},
		{ID{Kind: GUIDID, GUID: guid}, address, nil},
		{ID{Kind: FingerprintID, N: int64(fingerprintOf(&avro.Source{Text: inlined}))}, order, []string{"shop.Address", "shop.Buyer"}},
	} {
		src, err := r.Schema(t.Context(), c.id)
		if err != nil {
			t.Errorf("%+v: %v", c.id, err)
			continue
		}
		var refs []string
		for _, ref := range src.References {
			refs = append(refs, ref.Name)
		}
		if src.Text != c.text || !slices.Equal(refs, c.refs) {
			t.Errorf("%+v: got %s with %v, want %s with %v", c.id, src.Text, refs, c.text, c.refs)
		}
	}
	_, err := r.Schema(t.Context(), idNumber(7))
	wantRejection(t, err, pipeline.SchemaNotFound, "schema_registry.folder")
	if err := r.Ping(t.Context()); err != nil {
		t.Errorf("ping a folder: %v", err)
	}
}

func TestTwoVersionsOfASchemaStandSideBySide(t *testing.T) {
	one, two := recordSchema("a.A", ofType("x", "int")), recordSchema("a.A", ofType("x", "long"))
	dir := folderWith(t, map[string]string{"1.avsc": one, "2.avsc": two, "current.avsc": one,
		"3.avsc": recordSchema("a.User", ofType("a", "a.A"))})
	r := newRegistry(t, Config{Folder: dir}, nil)
	for id, want := range map[ID]string{idNumber(1): one, idNumber(2): two, Named("a.A"): one} {
		if src, err := r.Schema(t.Context(), id); err != nil || src.Text != want {
			t.Errorf("%+v: got %v and %v, want %s", id, src, err, want)
		}
	}
	src, err := r.Schema(t.Context(), idNumber(3))
	if err != nil || len(src.References) != 1 || src.References[0].Text != one {
		t.Errorf("got %+v and %v, want the file without an id as the reference", src, err)
	}
}

func TestAFileThatComesLaterIsSeen(t *testing.T) {
	dir := folderWith(t, map[string]string{"1.avsc": `"int"`})
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry(t, Config{Folder: dir}, nil)
		time.AfterFunc(3*time.Second, func() { writeFile(t, filepath.Join(dir, "2.avsc"), `{"type":`) })
		time.AfterFunc(8*time.Second, func() { writeFile(t, filepath.Join(dir, "2.avsc"), `"long"  `) })
		src, err := r.Schema(t.Context(), idNumber(2))
		if err != nil || src.Text != `"long"  ` {
			t.Errorf("got %v and %v, want the file once it is whole", src, err)
		}
	})
}

func TestAFolderThatCannotBeUsedIsToldAtTheStart(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"1.avsc: must be an Avro schema in JSON": {"1.avsc": "{"},
		"the type \"a.Nobody\" is not known":     {"1.avsc": recordSchema("a.A", ofType("x", "a.Nobody"))},
		"1.avsc: must be at most":                {"1.avsc": strings.Repeat(" ", avro.MaxSchemaText) + `"int"`},
	} {
		if _, err := OpenFolder(folderWith(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %s", err, want)
		}
	}
	if _, err := OpenFolder(filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("got no error for a folder that is not there")
	}
}

func TestAFingerprintIsFoundAmongTheRegistrysSchemas(t *testing.T) {
	fake := fakeRegistry(t)
	fake.SeedSchema("a.Leaf", 1, 1, sr.Schema{Schema: recordSchema("a.Leaf")})
	fake.SeedSchema("root", 1, 2, sr.Schema{Schema: recordSchema("a.Root", ofType("x", "a.Leaf")),
		References: []sr.SchemaReference{{Name: "a.Leaf", Subject: "a.Leaf", Version: 1}}})
	inlined := strings.Replace(recordSchema("a.Root", ofType("x", "a.Leaf")), `"a.Leaf"`, recordSchema("a.Leaf"), 1)
	byPrint := func(text string) ID {
		return ID{Kind: FingerprintID, N: int64(fingerprintOf(&avro.Source{Text: text}))}
	}
	r := registryAt(t, fake.URL())
	src, err := r.Schema(t.Context(), byPrint(inlined))
	if err != nil || len(src.References) != 1 || src.ID != "2" {
		t.Errorf("got %+v and %v, want schema 2 with its reference", src, err)
	}
	_, err = r.Schema(t.Context(), byPrint(`"long"`))
	wantRejection(t, err, pipeline.SchemaNotFound, "fingerprint d054e14493f41db7")
}

func TestAFingerprintIsFoundAmongTheSchemasInMemory(t *testing.T) {
	r := hurried(t, Config{URL: URLs{"http://registry"}},
		handled{registryOf{"/schemas/ids/1": described(`"long"`)}}) // it cannot list its schemas
	if _, err := r.Schema(t.Context(), idNumber(1)); err != nil {
		t.Fatal(err)
	}
	src, err := r.Schema(t.Context(), ID{Kind: FingerprintID, N: -0x2fab1ebb6c0be249})
	if err != nil || src.Text != `"long"` {
		t.Errorf("got %v and %v, want the schema", src, err)
	}
}

func TestTheFingerprintInASingleObjectOfGoavroIsKnown(t *testing.T) {
	codec, err := goavro.NewCodec(singleObject)
	if err != nil {
		t.Fatal(err)
	}
	value, err := codec.SingleFromNative(nil, map[string]any{"id": 1, "amount": big.NewRat(5, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if want := binary.LittleEndian.Uint64(value[2:]); !slices.Contains(fingerprintsOf(&avro.Source{Text: singleObject}), want) {
		t.Errorf("fingerprint %016x is not known", want)
	}
}

// FuzzFolderFile reads hostile files: never a panic, and what it accepts has a fingerprint.
func FuzzFolderFile(f *testing.F) {
	for _, text := range append(fingerprinted, `"int"`, `[]`, `{}`, `{"type":{"type":"array"}}`, `{"type":"record","fields":[1]}`) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := fstest.MapFS{"1.avsc": {Data: []byte(text)}}
		file, err := readFolderFile(dir, fileStamp{name: "1.avsc", size: int64(len(text))})
		if err != nil {
			return
		}
		byID, err := indexed([]*folderFile{file})
		if err == nil && byID[idNumber(1)] == nil {
			t.Errorf("got no schema 1 for %q", text)
		}
	})
}
