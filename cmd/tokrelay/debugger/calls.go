package debugger

import (
	"net/http"
	"net/url"
	"slices"
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
	Syncs []string
	chosen
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
	l := &callList{Syncs: p.syncNames(), chosen: readChosen(q), Outcome: q.Get("outcome")}
	l.Before, _ = time.Parse(time.RFC3339Nano, q.Get("before"))
	p.book.look(r.Context())
	l.Rows, l.Holds = p.callRows(l.Sync, l.callsBefore(l.Before, outcomes[l.Outcome]), callsShown+1), p.book.coverage()
	l.Newest = withoutPage("/calls", q, time.Time{})
	if len(l.Rows) > callsShown {
		l.Rows = l.Rows[:callsShown]
		l.Older = withoutPage("/calls", q, l.Rows[callsShown-1].Time)
	}
	return l, nil
}

// withoutPage is the address of a list with the same filters, of what is before a moment; the zero time is its newest page.
func withoutPage(path string, q url.Values, before time.Time) string {
	kept := url.Values{}
	for name, values := range q {
		if name != "before" && values[0] != "" {
			kept.Set(name, values[0])
		}
	}
	if !before.IsZero() {
		kept.Set("before", iso(before))
	}
	if len(kept) == 0 {
		return path
	}
	return path + "?" + kept.Encode()
}

// chosen is what a list is narrowed to, besides what is its own.
type chosen struct {
	Sync         string
	Text         string // as it was typed
	Since, Until string // as they were typed: UTC, as <input type="datetime-local"> has it
	from, to     time.Time
}

// inputTime is how browsers write a moment.
const inputTime = "2006-01-02T15:04"

func readChosen(q url.Values) chosen {
	c := chosen{Sync: q.Get("sync"), Text: strings.TrimSpace(q.Get("text")), Since: q.Get("since"), Until: q.Get("until")}
	c.from, _ = time.Parse(inputTime, c.Since)
	c.to, _ = time.Parse(inputTime, c.Until)
	return c
}

// holds reports whether a moment is in the range, and one of the texts has what was typed, in whatever case.
func (c *chosen) holds(at time.Time, texts ...string) bool {
	if !c.from.IsZero() && at.Before(c.from) || !c.to.IsZero() && !at.Before(c.to) {
		return false
	}
	return c.Text == "" || slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(c.Text)) })
}

// callsBefore narrows a choice of calls to what is chosen, before a moment unless that is zero.
func (c *chosen) callsBefore(at time.Time, match func(*calls.Entry) bool) func(*calls.Entry) bool {
	return func(e *calls.Entry) bool {
		return (at.IsZero() || e.Time.Before(at)) && (match == nil || match(e)) &&
			c.holds(e.Time, e.Endpoint, e.Batch, e.Answer.RequestID, e.Answer.Message, e.Answer.CodeText())
	}
}

func (p *Page) callRows(sync string, match func(*calls.Entry) bool, n int) []callRow {
	rows := []callRow{}
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
