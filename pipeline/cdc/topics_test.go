package cdc

import (
	"encoding/binary"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tokrelay/tokrelay/pipeline"
)

// TestATopicIsReadRecordByRecord runs testdata/topics: one file, the records of a topic one after the other, read by one
// decoder. Its parts, in their order:
//
//	config.yaml   as in testdata/cases
//	schema N      from here on the registry knows this schema, or the named file, as N
//	key           the key of the records that follow, in JSON
//	headers       the headers of the next record
//	record N      a row of schema N, which goavro encodes; the schema may come later
//	tombstone     a record without a value
//	want.txt      what each was read as
func TestATopicIsReadRecordByRecord(t *testing.T) {
	files, err := filepath.Glob("testdata/topics/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no topics: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { runTopic(t, file) })
	}
}

func runTopic(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	top := &testTopic{testCase: testCase{t: t, parts: map[string]string{}}}
	for _, f := range archive.Files {
		top.parts[f.Name] = string(f.Data) // a schema may be used before it is registered
	}
	cfg, wanted := top.config()
	got := top.read(archive.Files, decoderFor(t, cfg.Config, wanted, caseSchemas{}))
	cfg.Decoder = decoderGoavro
	if slow := top.read(archive.Files, decoderFor(t, cfg.Config, wanted, caseSchemas{})); slow != got {
		t.Errorf("goavro reads it otherwise:\n%s\nthe plan:\n%s", slow, got)
	}
	top.compare(file, archive, got)
}

type testTopic struct {
	testCase
	next pipeline.Record
}

func (c *testTopic) read(parts []txtar.File, d *Decoder) string {
	var b strings.Builder
	c.next = pipeline.Record{Topic: "shop.public.customers"}
	for _, part := range parts {
		what, schema, _ := strings.Cut(part.Name, " ")
		switch what {
		case "schema":
			d.schemas.(caseSchemas).add(c.t, c.number(schema), c.schemaText(string(part.Data)), nil)
		case "key":
			c.next.Key = []byte(strings.TrimSpace(string(part.Data)))
		case "headers":
			c.parts["headers.txt"] = string(part.Data)
			c.next.Headers = c.headers()
		case "record":
			row := schemaOf(c.t, c.schemaText(c.parts["schema "+schema])).encode(c.t, string(part.Data))
			c.next.Value = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(c.number(schema))), row...)
			c.decode(d, &b, part.Name)
		case "tombstone":
			c.next.Value = nil
			c.decode(d, &b, part.Name)
		}
	}
	return b.String()
}

func (c *testTopic) number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// decode reads the next record, twice: the answer has to be the same.
func (c *testTopic) decode(d *Decoder, b *strings.Builder, name string) {
	var ch pipeline.Change
	first := describeRead(c, d, &ch)
	if again := describeRead(c, d, &ch); again != first {
		c.t.Errorf("%s: read first as\n%s\nand then as\n%s", name, first, again)
	}
	b.WriteString(name + "\n" + indented(first))
	c.next.Offset++
	c.next.Headers = nil
}

func describeRead(c *testTopic, d *Decoder, ch *pipeline.Change) string {
	err := d.Decode(c.t.Context(), &c.next, ch)
	return describe(ch, err)
}

func indented(text string) string {
	lines := slices.Collect(strings.Lines(text))
	for i := range lines {
		lines[i] = "  " + strings.TrimRight(lines[i], " \n") + "\n"
	}
	return strings.Join(lines, "")
}
