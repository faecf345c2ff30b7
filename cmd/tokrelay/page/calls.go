package page

import (
	"net/http"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
)

// callRow is a call in the list.
type callRow struct {
	Number    int64     `json:"number"`
	Time      time.Time `json:"time"`
	Sync      string    `json:"sync"`
	Endpoint  string    `json:"endpoint"`
	Items     int       `json:"items"`
	Tone      string    `json:"-"`
	Words     string    `json:"outcome"`
	Code      string    `json:"code"`
	HTTP      int       `json:"http_status"`
	Took      float64   `json:"milliseconds"`
	RequestID string    `json:"request_id"`
	Attempt   int       `json:"attempt"`
	Batch     string    `json:"batch_id"`
	Part      string    `json:"part,omitempty"` // of a split batch: what stands behind its id
	Brief     bool      `json:"figures_only,omitempty"`
	Message   string    `json:"message,omitempty"` // TikTok's, scrubbed
}

func newCallRow(e *calls.Entry) callRow {
	tone, words := answerWords(&e.Answer)
	batch, part, _ := strings.Cut(e.Batch, ".")
	return callRow{Number: e.Number, Time: e.Time.UTC(), Sync: e.Sync, Endpoint: e.Endpoint, Items: e.Items, Tone: tone,
		Words: words, Code: e.Answer.CodeText(), HTTP: e.Answer.HTTPStatus, Took: float64(e.Answer.Duration.Microseconds()) / 1000,
		RequestID: e.Answer.RequestID, Attempt: e.Attempt, Batch: batch, Part: part, Brief: e.Brief, Message: e.Answer.Message}
}

// Duration is how long the call took.
func (c callRow) Duration() time.Duration { return time.Duration(c.Took * float64(time.Millisecond)) }

// callList is the page of calls.
type callList struct {
	Syncs   []string
	Sync    string
	Outcome string
	Rows    []callRow
	More    bool
	Calling string // calling codes of the configured countries, for the search
}

const callsShown = 100

func (p *Page) calls(r *http.Request) (any, error) {
	q := r.URL.Query()
	l := &callList{Syncs: p.syncNames(), Sync: q.Get("sync"), Outcome: q.Get("outcome"), Calling: p.calling}
	l.Rows = p.callRows(l.Sync, l.Outcome, callsShown+1)
	if l.More = len(l.Rows) > callsShown; l.More {
		l.Rows = l.Rows[:callsShown]
	}
	return l, nil
}

func (p *Page) callRows(sync, outcome string, n int) []callRow {
	var rows []callRow
	for _, e := range p.d.Calls.Last(sync, n, outcomes[outcome]) {
		rows = append(rows, newCallRow(e))
	}
	return rows
}

// outcomes are the filters of the list.
var outcomes = map[string]func(*calls.Entry) bool{
	"accepted": (*calls.Entry).Good,
	"refused":  func(e *calls.Entry) bool { return e.Answer.Verdict == pipeline.Refused },
	"trouble":  func(e *calls.Entry) bool { return !e.Good() && e.Answer.Verdict != pipeline.Refused },
	"split":    func(e *calls.Entry) bool { return strings.Contains(e.Batch, ".") },
}

func (p *Page) syncNames() []string {
	var names []string
	for _, s := range p.d.Config.Syncs {
		names = append(names, s.Name)
	}
	return names
}
