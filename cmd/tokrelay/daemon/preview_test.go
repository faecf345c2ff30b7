package daemon

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func TestAPreviewedRowThatPanicsCostsItselfOnly(t *testing.T) {
	c, report := Parse([]byte(aroundSync+`
  - name: orders
    topic: t
    format: flat
    operation: {column: op}
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: at, user.email: email, page.url: {value: "https://x.example/"}}}
`), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	f, err := NewFlow(&c.Syncs[0], time.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p := NewPreview(f, &out, PreviewOptions{Requests: true})
	inner := p.runner.Steps.Make
	p.runner.Steps.Make = func(items *pipeline.Items, row int, c *pipeline.Change) error {
		err := inner(items, row, c)
		if row == 2 {
			panic("ada@example.com")
		}
		return err
	}
	at := time.Now().UTC().Format(time.RFC3339)
	for range 3 {
		if err := p.Line(t.Context(), []byte(`{"at":"`+at+`","op":"c","email":"ada@example.com"}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Requests(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "ada@example.com") {
		t.Errorf("the preview prints what the step panicked with:\n%s", &out)
	}
	type line struct {
		Outcome, Reason string
		Request         struct{ Body struct{ Data []any } }
	}
	var got []line
	for d := json.NewDecoder(&out); d.More(); {
		var l line
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	if len(got) != 4 || got[0].Outcome != "deliver" || got[1].Reason != "step_panicked" || got[2].Outcome != "deliver" {
		t.Fatalf("got %+v, want two rows around a rejection, and a request", got)
	}
	if n := len(got[3].Request.Body.Data); n != 2 {
		t.Errorf("the request has %d events, want those of the first and the third row", n)
	}
}
