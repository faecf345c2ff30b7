package debugger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
)

// previewPage shows what rows become. Nothing is sent, committed or kept, and what was pasted is not written back: the
// script in the browser leaves it where it is.
type previewPage struct {
	Syncs    []string
	Sync     string
	Outcomes []previewed
	Newest   bool
	Problem  string
}

// previewed is what became of a row.
type previewed struct {
	Row     int             `json:"row"`
	Outcome string          `json:"outcome"`
	Item    json.RawMessage `json:"item"`
	Stage   string          `json:"stage"`
	Reason  pipeline.Reason `json:"reason"`
	Field   string          `json:"field"`
	Rule    string          `json:"rule"`
	Message string          `json:"message"`
	Notes   []pipeline.Note `json:"notes"`

	JSON  template.HTML       `json:"-"`
	Info  pipeline.ReasonInfo `json:"-"`
	Tone  string              `json:"-"`
	Words string              `json:"-"`
}

func (p *Page) preview(r *http.Request) (any, error) {
	v := &previewPage{Syncs: p.syncNames(), Sync: r.FormValue("sync")}
	if v.Sync == "" && len(v.Syncs) > 0 {
		v.Sync = v.Syncs[0]
	}
	if r.Method != http.MethodPost {
		return v, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), 20*time.Second)
	defer cancel()
	var out bytes.Buffer
	var err error
	if v.Newest = r.PostFormValue("from") == "topic"; v.Newest {
		count, _ := strconv.Atoi(r.PostFormValue("count"))
		err = p.d.PreviewTopic(ctx, v.Sync, daemon.TopicRange{Partition: -1, Offset: -1, Limit: min(max(count, 1), 50)}, &out)
	} else {
		err = p.previewRows(ctx, v.Sync, r.PostFormValue("rows"), &out)
	}
	if err != nil {
		v.Problem = err.Error()
	}
	v.read(&out)
	return v, nil
}

// previewRows reads one row of JSON a line; a row alone may be on several.
func (p *Page) previewRows(ctx context.Context, sync, text string, out *bytes.Buffer) error {
	s, err := p.d.Wiring.Config.Sync(sync)
	if err != nil {
		return err
	}
	flow, err := daemon.NewFlow(s, time.Now, nil)
	if err != nil {
		return err
	}
	shown := daemon.NewPreview(flow, out, daemon.PreviewOptions{})
	for _, line := range rowsOf(text) {
		if ctx.Err() != nil {
			return errors.New("it took too long: give fewer rows")
		}
		if err := shown.Line(ctx, line); err != nil {
			return err
		}
	}
	return nil
}

func rowsOf(text string) (list [][]byte) {
	text = strings.TrimSpace(text)
	var tight bytes.Buffer
	if json.Compact(&tight, []byte(text)) == nil {
		return [][]byte{tight.Bytes()}
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, []byte(line))
		}
	}
	return list
}

// outcomeWords are a preview's outcomes: their tone and words.
var outcomeWords = map[string][2]string{
	"deliver": {"good", "would be sent"},
	"reject":  {"stop", "would be rejected"},
	"skip":    {"idle", "would be skipped"},
}

func (v *previewPage) read(out *bytes.Buffer) {
	for dec := json.NewDecoder(out); dec.More(); {
		var o previewed
		if err := dec.Decode(&o); err != nil {
			v.Problem = "the preview could not be read"
			return
		}
		o.Tone, o.Words = outcomeWords[o.Outcome][0], outcomeWords[o.Outcome][1]
		o.Info = o.Reason.Info()
		if v.Newest {
			o.Item = calls.Mask(o.Item) // what was pasted is known to who pasted it
		}
		o.JSON = jsonHTML(o.Item)
		v.Outcomes = append(v.Outcomes, o)
	}
}
