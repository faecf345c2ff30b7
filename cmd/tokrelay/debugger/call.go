package debugger

import (
	"bytes"
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// callPage is one call: what was sent, what came back, and its neighbours where the batch was split.
type callPage struct {
	callRow
	Next     string // what happens after such an answer
	Message  string
	Field    string
	Head     template.HTML
	List     string
	Rows     []itemRow
	First    int // of Rows, from 1
	Last     int
	Previous string
	Further  string
	Response template.HTML
	NotJSON  string
	Tree     []treeRow
	Curl     string
	Note     string
}

// itemRow is one item of a call and the position of its row.
type itemRow struct {
	Number  int
	At      string
	EventID string
	JSON    template.HTML
	Open    bool
}

// treeRow is one call of a split batch.
type treeRow struct {
	callRow
	Depth int
	Here  bool
}

const itemsShown = 50

func (p *Page) call(r *http.Request) (any, error) {
	e, err := p.entry(r)
	if err != nil {
		return nil, err
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	return p.openCall(e, from), nil
}

func (p *Page) entry(r *http.Request) (*calls.Entry, error) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	p.book.look(ctx)
	e, err := p.book.open(ctx, r.PathValue("id"))
	if err == nil && e == nil {
		err = errGone
	}
	return e, err
}

func (p *Page) openCall(e *calls.Entry, from int) *callPage {
	req := takeApart(e.Request)
	c := &callPage{callRow: p.newCallRow(e), Next: verdictWords[e.Answer.Verdict].next, Message: e.Answer.Message, Field: e.Answer.Field,
		List: req.list, Tree: p.tree(e)}
	if len(e.Request) > 0 {
		c.Head = jsonHTML(req.head)
		c.Curl = p.curl(e)
	}
	c.items(e, &req, from)
	c.answer(&e.Answer)
	switch {
	case e.Brief:
		c.Note = "Only the figures of this call are left. The newest calls are kept whole, and of very many a second not all."
	case e.Cut || !req.whole && len(e.Request) > 0:
		c.Note = "The request is longer than what is kept of one. Its end is missing here, it was not when it was sent."
	}
	return c
}

// items shows a stretch of the items, one alone opened.
func (c *callPage) items(e *calls.Entry, req *request, from int) {
	total := max(len(req.items), len(e.Rows))
	from = max(0, min(from, total-1))
	to := min(from+itemsShown, total)
	for i := from; i < to; i++ {
		row := itemRow{Number: i + 1}
		if i < len(e.Rows) && e.Rows[i].Topic != "" {
			row.At, row.EventID = e.Rows[i].String(), e.Rows[i].EventID
		}
		if i < len(req.items) {
			row.JSON = jsonHTML(req.items[i])
		}
		row.Open = total == 1
		c.Rows = append(c.Rows, row)
	}
	c.First, c.Last = from+1, to
	c.Items = max(total, c.Items)
	if from > 0 {
		c.Previous = "?from=" + strconv.Itoa(max(0, from-itemsShown)) + "#rows"
	}
	if to < total {
		c.Further = "?from=" + strconv.Itoa(to) + "#rows"
	}
}

func (c *callPage) answer(a *pipeline.Answer) {
	body := bytes.TrimSpace(a.Body)
	switch {
	case len(body) == 0:
	case body[0] == '{' || body[0] == '[':
		c.Response = jsonHTML(body)
	default:
		c.NotJSON = string(body)
	}
}

// tree lists the calls of a batch in the order they were made: the whole of it first, then its parts.
func (p *Page) tree(e *calls.Entry) []treeRow {
	root, _, _ := strings.Cut(e.Batch, ".")
	if root == "" {
		return nil
	}
	family := p.book.last(e.Sync, 500, func(other *calls.Entry) bool {
		rest, ok := strings.CutPrefix(other.Batch, root)
		return ok && (rest == "" || rest[0] == '.')
	})
	if len(family) < 2 {
		return nil
	}
	var list []treeRow
	for _, f := range slices.Backward(family) {
		list = append(list, treeRow{callRow: p.newCallRow(f), Depth: min(strings.Count(f.Batch, "."), 8), Here: p.book.identity(f) == p.book.identity(e)})
	}
	return list
}

// curlItems is the most items whose JSON is written into the command itself.
const curlItems = 20

// curl is the call as a command. The token is a variable, and what is masked is left out.
func (p *Page) curl(e *calls.Entry) string {
	address := p.baseURL(e.Sync) + daemon.APIPath + e.Endpoint
	head := "curl -sS " + shellQuote(address) + " \\\n  -H \"Access-Token: $TIKTOK_ACCESS_TOKEN\" \\\n  -H 'Content-Type: application/json' \\\n  "
	if json.Valid(e.Request) && e.Items <= curlItems && !e.Cut {
		return head + "--data-binary " + shellQuote(string(sendable(e.Request)))
	}
	return head + "--data-binary @call-" + id(e) + "-request.json"
}

func (p *Page) baseURL(sync string) string {
	s, err := p.d.Wiring.Config.Sync(sync)
	if err != nil {
		return settings.WithDefaults(tiktok.Config{}).BaseURL
	}
	_, connection := p.d.Wiring.Config.ConnectionOf(s)
	return strings.TrimRight(connection.BaseURL, "/")
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
