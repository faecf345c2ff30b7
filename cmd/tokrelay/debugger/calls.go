package debugger

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
)

// callRow is a call in the list.
type callRow struct {
	ID        string    `json:"id"` // its name in addresses
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
	Part      string    `json:"part,omitempty"` // of a split batch: what comes after its id
	Brief     bool      `json:"figures_only,omitempty"`
	Message   string    `json:"message,omitempty"` // TikTok's, scrubbed
	Instance  string    `json:"instance,omitempty"`
	Foreign   bool      `json:"-"` // another instance made it
}

func (p *Page) newCallRow(e *calls.Entry) callRow {
	tone, words := answerWords(&e.Answer)
	batch, part, _ := strings.Cut(e.Batch, ".")
	instance := p.book.instanceOf(e)
	return callRow{ID: id(e), Instance: instance, Foreign: instance != p.book.instance, Number: e.Number, Time: e.Time.UTC(), Sync: e.Sync, Endpoint: e.Endpoint, Items: e.Items, Tone: tone,
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
	Older   string // the address of the calls before these
	Before  time.Time
	Newest  string // the address of the newest
	Holds   coverage
}

const callsShown = 100

func (p *Page) calls(r *http.Request) (any, error) {
	q := r.URL.Query()
	l := &callList{Syncs: p.syncNames(), Sync: q.Get("sync"), Outcome: q.Get("outcome")}
	l.Before, _ = time.Parse(time.RFC3339Nano, q.Get("before"))
	p.book.look(r.Context())
	l.Rows, l.Holds = p.callRows(l.Sync, before(l.Before, outcomes[l.Outcome]), callsShown+1), p.book.coverage()
	l.Newest = callsAddress(l.Sync, l.Outcome, time.Time{})
	if len(l.Rows) > callsShown {
		l.Rows = l.Rows[:callsShown]
		l.Older = callsAddress(l.Sync, l.Outcome, l.Rows[callsShown-1].Time)
	}
	return l, nil
}

// before narrows a choice of calls to those before a moment; the zero time leaves it as it is.
func before(at time.Time, match func(*calls.Entry) bool) func(*calls.Entry) bool {
	if at.IsZero() {
		return match
	}
	return func(e *calls.Entry) bool { return e.Time.Before(at) && (match == nil || match(e)) }
}

func callsAddress(sync, outcome string, before time.Time) string {
	q := url.Values{}
	for name, value := range map[string]string{"sync": sync, "outcome": outcome} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if !before.IsZero() {
		q.Set("before", iso(before))
	}
	if len(q) == 0 {
		return "/calls"
	}
	return "/calls?" + q.Encode()
}

func (p *Page) callRows(sync string, match func(*calls.Entry) bool, n int) []callRow {
	var rows []callRow
	for _, e := range p.book.last(sync, n, match) {
		rows = append(rows, p.newCallRow(e))
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
	for _, s := range p.d.Wiring.Config.Syncs {
		names = append(names, s.Name)
	}
	return names
}
