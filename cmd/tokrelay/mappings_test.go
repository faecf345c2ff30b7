package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

const mappingsPage = "../../docs/mappings.md"

// mapped is one worked mapping: a sync, its rows, and what becomes of them.
var mapped = regexp.MustCompile("(?s)```yaml\n(  - name: (\\S+)\n.*?)```\n(.*?)```json\n(.*?)```\n\n```json\n(.*?)```")

// TestTheWorkedMappingsAreWhatPreviewPrints runs the rows of the page through its syncs; -update writes the results again.
func TestTheWorkedMappingsAreWhatPreviewPrints(t *testing.T) {
	page, err := os.ReadFile(mappingsPage)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(page), "```yaml\n")
	head, _, _ := strings.Cut(after, "```")
	text, all := string(page), mapped.FindAllStringSubmatchIndex(string(page), -1)
	if len(all) != strings.Count(text, "\n  - name: ") || len(all) < 5 {
		t.Fatalf("%d mappings are tried, the page has %d", len(all), strings.Count(text, "\n  - name: "))
	}
	for i := len(all) - 1; i >= 0; i-- { // from the end: a result that is written again moves what is behind it
		part := func(group int) string { return text[all[i][2*group]:all[i][2*group+1]] }
		name := part(2)
		out, errs, code := tokrelay(t, part(4), "preview", "-c", write(t, head+part(1)), "--sync", name, "--rows", "-", "--now", "2026-11-22T12:00:00Z")
		if code != exitDone || !strings.Contains(errs, "of standard input:") {
			t.Fatalf("%s: exit %d: %s", name, code, errs)
		}
		want := indented(t, out)
		if got := part(5); got != want && !*update {
			t.Errorf("%s: the page has\n%s\npreview prints\n%s", name, got, want)
		}
		text = text[:all[i][10]] + want + text[all[i][11]:]
	}
	if *update {
		if err := os.WriteFile(mappingsPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// indented is one object a line, without its notes; the item is spread over lines, to be read.
func indented(t *testing.T, lines string) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(lines) {
		var row struct {
			Row     int             `json:"row"`
			Outcome string          `json:"outcome"`
			Item    json.RawMessage `json:"item,omitempty"`
			Stage   string          `json:"stage,omitempty"`
			Reason  string          `json:"reason,omitempty"`
			Field   string          `json:"field,omitempty"`
			Rule    string          `json:"rule,omitempty"`
		}
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		short, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		if row.Item == nil {
			b.Write(short)
		} else {
			var wide bytes.Buffer
			if err := json.Indent(&wide, short, "", "  "); err != nil {
				t.Fatal(err)
			}
			b.Write(wide.Bytes())
		}
		b.WriteByte('\n')
	}
	return b.String()
}

var named = regexp.MustCompile("`((?:web_events|audience_segment|audience_file|user|properties|lead|app)\\.[a-z_.]+)`")

// TestTheKeysOfComingFromExist holds the page for users of other tools to the reference.
func TestTheKeysOfComingFromExist(t *testing.T) {
	page, err := os.ReadFile("../../docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	keys := named.FindAllStringSubmatch(string(page), -1)
	if len(keys) < 20 {
		t.Fatalf("%d keys: the test looks at nothing", len(keys))
	}
	for _, key := range keys {
		if !strings.Contains(string(reference), "."+key[1]+"`") {
			t.Errorf("the reference has no key %s", key[1])
		}
	}
}
