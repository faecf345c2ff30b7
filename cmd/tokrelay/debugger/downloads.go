package debugger

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// downloads are the same data for machines, masked as the pages are.
func (p *Page) downloads() {
	p.json("/api/overview.json", p.overview)
	p.json("/api/files.json", p.files)
	p.json("/api/actions.json", func(r *http.Request) (any, error) {
		c := readChosen(r.URL.Query())
		return p.wantedActions(&c, time.Time{}), nil
	})
	p.json("/api/calls.json", func(r *http.Request) (any, error) { return p.wantedCalls(r), nil })
	p.json("/api/rejected.json", func(r *http.Request) (any, error) { return p.wantedLetters(r) })
	p.json("/api/reasons.json", func(r *http.Request) (any, error) { return p.reasons(r.URL.Query().Get("sync")), nil })
	p.mux.HandleFunc("GET /api/calls.csv", p.callsCSV)
	p.mux.HandleFunc("GET /api/rejected.csv", p.rejectedCSV)
	p.mux.HandleFunc("GET /api/calls/{id}/{part}", p.callPart)
	p.mux.HandleFunc("GET /api/config.yaml", func(w http.ResponseWriter, _ *http.Request) {
		attach(w, "application/yaml", "tokrelay-effective.yaml")
		_, _ = w.Write(settings.Effective(p.d.Wiring.Config))
	})
}

// json answers with what a view has as JSON.
func (p *Page) json(path string, v view) {
	name := strings.TrimPrefix(path, "/api/")
	p.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		data, err := v(r)
		if err != nil {
			http.Error(w, err.Error(), statusOf(err))
			return
		}
		attach(w, "application/json", "tokrelay-"+name)
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(data) // the browser may be gone
	})
}

func attach(w http.ResponseWriter, kind, name string) {
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	w.Header().Set("Content-Disposition", `inline; filename="`+name+`"`)
}

const callsDownloaded = 10_000

func (p *Page) wantedCalls(r *http.Request) []callRow {
	q := r.URL.Query()
	p.book.look(r.Context())
	c := readChosen(q)
	return p.callRows(c.Sync, c.callsBefore(time.Time{}, outcomes[q.Get("outcome")]), callsDownloaded)
}

func (p *Page) wantedLetters(r *http.Request) (list []*deadletter.Explained, err error) {
	q := r.URL.Query()
	list, err = p.newestLetters(r.Context(), readLettersChosen(q))
	return list[:min(len(list), lettersShown)], err
}

func (p *Page) callsCSV(w http.ResponseWriter, r *http.Request) {
	attach(w, "text/csv", "tokrelay-calls.csv")
	table := csv.NewWriter(w)
	_ = table.Write([]string{"number", "time", "sync", "endpoint", "items", "outcome", "code", "http_status", "milliseconds", "request_id", "attempt", "batch_id", "part", "message", "id", "instance"})
	for _, c := range p.wantedCalls(r) {
		_ = table.Write([]string{strconv.FormatInt(c.Number, 10), iso(c.Time), c.Sync, c.Endpoint, strconv.Itoa(c.Items), c.Words, c.Code,
			strconv.Itoa(c.HTTP), strconv.FormatFloat(c.Took, 'f', 3, 64), c.RequestID, strconv.Itoa(c.Attempt), c.Batch, c.Part, cell(c.Message), c.ID, c.Instance})
	}
	table.Flush()
}

func (p *Page) rejectedCSV(w http.ResponseWriter, r *http.Request) {
	list, err := p.wantedLetters(r)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	attach(w, "text/csv", "tokrelay-rejected.csv")
	table := csv.NewWriter(w)
	_ = table.Write([]string{"failed", "sync", "class", "stage", "reason", "field", "rule", "message", "source", "letter", "event_id", "replays"})
	for _, l := range list {
		_ = table.Write([]string{l.Failed.Format(time.RFC3339), l.Sync, l.Class, l.Stage, l.Reason, cell(l.Field), cell(l.Rule), cell(l.Message),
			l.Source, l.Letter, cell(l.EventID), strconv.Itoa(l.Replays)})
	}
	table.Flush()
}

// cell keeps spreadsheets from taking a text for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}

// callPart is a call's request or response.
func (p *Page) callPart(w http.ResponseWriter, r *http.Request) {
	e, err := p.entry(r)
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	var body []byte
	switch r.PathValue("part") {
	case "request.json":
		body = sendable(e.Request)
	case "response.json":
		body = e.Answer.Body
	default:
		http.NotFound(w, r)
		return
	}
	if !json.Valid(body) {
		http.Error(w, "it was not kept whole", http.StatusGone)
		return
	}
	attach(w, "application/json", "call-"+id(e)+"-"+r.PathValue("part"))
	_, _ = w.Write(body)
}
