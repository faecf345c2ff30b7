package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var update = flag.Bool("update", false, "write what rows become into testdata")

// Each file of testdata is a configuration (config.yaml), rows as preview takes them (rows.ndjson), and what TikTok is told
// (want.ndjson), with the requests at the end. A row's member is its column `key`, if it has one. Digests are cut to ten
// digits.
func TestRowsBecomeWhatTheirFilesSay(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { checkFile(t, file) })
	}
}

func checkFile(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	part := func(name string) *txtar.File {
		for i := range archive.Files {
			if archive.Files[i].Name == name {
				return &archive.Files[i]
			}
		}
		t.Fatalf("%s: no %s", file, name)
		return nil
	}
	got := becomes(t, loaded(t, string(part("config.yaml").Data)), part("rows.ndjson").Data)
	want := part("want.ndjson")
	if *update {
		want.Data = got
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(got, want.Data) {
		t.Errorf("got\n%s\nwant\n%s", got, want.Data)
	}
}

func becomes(t *testing.T, cfg Config, rows []byte) []byte {
	cols := &mapping.Columns{}
	plan, err := New(cfg, Options{AdvertiserID: "7000000000000000001"}, cols, time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	wanted := cdc.Wanted{}
	wanted.Columns, wanted.All = cols.Wanted()
	format := settings.WithDefaults(cdc.Config{})
	if bytes.Contains(rows, []byte("null\n")) {
		format.Format = "flat"
	}
	decoder, preview := cdc.NewRows(wanted, format), plan.NewPreview()
	var out bytes.Buffer
	var all pipeline.Items
	for line := range bytes.Lines(rows) {
		line = bytes.TrimSpace(line)
		var c pipeline.Change
		err := decoder.Decode(line, &c)
		c.Key = keyIn(line)
		first := len(all.List)
		if err == nil {
			err = preview.Make(&all, 0, &c)
			if _, rejected := errors.AsType[*pipeline.Rejection](err); rejected {
				preview.Leave(&all, 0, &c, err)
			}
		}
		out.Write(described(t, plan, &all, first, err))
	}
	net, err := plan.Net(&all)
	if err != nil {
		t.Fatal(err)
	}
	for e, envelope := range net.Envelopes {
		var bodies [][]byte
		for i, item := range net.List {
			if int(item.Envelope) == e {
				bodies = append(bodies, net.Body(i))
			}
		}
		if bodies == nil {
			continue
		}
		out.Write(cutDigests(plan.AppendRequest(nil, envelope, bodies)))
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// keyIn is the row's column `key`, wherever it is.
func keyIn(line []byte) []byte {
	var row struct {
		Key           string
		Before, After *struct{ Key string }
	}
	if json.Unmarshal(line, &row) != nil {
		return nil
	}
	for _, image := range []*struct{ Key string }{row.After, row.Before} {
		if image != nil {
			row.Key = image.Key
		}
	}
	return []byte(row.Key)
}

func described(t *testing.T, p *Plan, items *pipeline.Items, first int, err error) []byte {
	if r, ok := errors.AsType[*pipeline.Rejection](err); ok {
		return append([]byte("reject "+string(r.Stage)+" "+string(r.Reason)+" "+r.Field+"\n"), lines(t, p, items, first)...)
	}
	if err != nil {
		return []byte("skip " + strings.TrimPrefix(err.Error(), "skipped: ") + "\n")
	}
	return lines(t, p, items, first)
}

func lines(t *testing.T, p *Plan, items *pipeline.Items, first int) (out []byte) {
	for i := first; i < len(items.List); i++ {
		line, err := p.Line(items.Envelope(i), items.Body(i))
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, cutDigests(line)...), '\n')
	}
	return out
}

// cutDigests shortens every run of at least 32 hexadecimal digits.
func cutDigests(line []byte) []byte {
	var out []byte
	run := 0
	for _, c := range line {
		if strings.IndexByte("0123456789abcdef", c) < 0 {
			run = 0
		} else {
			run++
		}
		if run == 32 {
			out = append(out[:len(out)-21], "..."...)
		} else if run < 32 {
			out = append(out, c)
		}
	}
	return out
}
