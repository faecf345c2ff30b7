package debugger

import (
	"bytes"
	"html"
	"html/template"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// jsonWriter writes JSON as HTML for people: indented, its parts marked up.
type jsonWriter struct {
	out   bytes.Buffer
	depth int
}

// jsonHTML is JSON for people. Of text that was cut off or is not JSON, what there is is shown.
func jsonHTML(text []byte) template.HTML {
	var w jsonWriter
	for p := range jsontext.Pieces(text) {
		w.marks(p.Before)
		switch {
		case p.IsName:
			w.item("m", `"`+string(p.Text)+`"`)
		case p.Quoted:
			w.item("s", `"`+string(p.Text)+`"`)
		}
	}
	return template.HTML(w.out.String())
}

// marks writes what is not a text: brackets, commas, colons, numbers and words.
func (w *jsonWriter) marks(text []byte) {
	for text = bytes.TrimSpace(text); len(text) > 0; text = bytes.TrimSpace(text) {
		n := 1
		switch c := text[0]; c {
		case '{', '[':
			w.begin()
			w.out.WriteByte(c)
			w.depth++
		case '}', ']':
			w.depth--
			if !w.isOpen() {
				w.line()
			}
			w.out.WriteByte(c)
		case ',':
			w.out.WriteByte(c)
			w.line()
		case ':':
			w.out.WriteString(": ")
		default:
			if n = bytes.IndexAny(text, "{}[],: \t\r\n"); n < 0 {
				n = len(text)
			}
			w.item(classOf(c), string(text[:n]))
		}
		text = text[n:]
	}
}

func classOf(first byte) string {
	if first == '-' || '0' <= first && first <= '9' {
		return "n"
	}
	return "k"
}

func (w *jsonWriter) item(class, text string) {
	w.begin()
	w.out.WriteString(`<span class="j` + class + `">` + html.EscapeString(text) + `</span>`)
}

// begin puts the first item after an opening bracket on a line of its own.
func (w *jsonWriter) begin() {
	if w.isOpen() {
		w.line()
	}
}

func (w *jsonWriter) isOpen() bool {
	b := w.out.Bytes()
	return len(b) > 0 && (b[len(b)-1] == '{' || b[len(b)-1] == '[')
}

func (w *jsonWriter) line() { w.out.WriteString("\n" + strings.Repeat("  ", max(w.depth, 0))) }

// sendable is a request without what is masked in it, so that the call can be made.
func sendable(request []byte) (out []byte) {
	before, rest, found := bytes.Cut(request, []byte(`":"`+calls.Masked+`"`))
	for ; found; before, rest, found = bytes.Cut(rest, []byte(`":"`+calls.Masked+`"`)) {
		out = append(out, before[:max(0, bytes.LastIndexByte(before, '"'))]...) // the name goes too
		if n := len(out) - 1; n >= 0 && out[n] == ',' {
			out = out[:n]
		} else {
			rest = bytes.TrimPrefix(rest, []byte(","))
		}
	}
	return bytes.ReplaceAll(append(out, before...), []byte("?"+calls.Masked+`"`), []byte(`"`))
}

// request is a call's body taken apart: what is around its items, and the items.
type request struct {
	head  []byte // the body with an empty list in place of the items
	list  string // the name of the list
	items [][]byte
	whole bool
}

// takeApart reads a request as far as it is there: one that was cut has fewer items.
func takeApart(body []byte) request {
	r := request{head: []byte("{")}
	w := jsontext.Walk(body)
	for w.Next() {
		r.add(w.Name, w.Value)
	}
	if w.Bad && itemLists[string(w.Name)] {
		r.add(w.Name, w.Value) // it was cut within its items
	}
	r.whole, r.head = !w.Bad, append(r.head, '}')
	return r
}

func (r *request) add(name, value []byte) {
	if itemLists[string(name)] {
		r.list = string(name)
		for w := jsontext.Walk(value); w.Next(); {
			r.items = append(r.items, w.Value)
		}
		value = []byte("[]")
	}
	if len(r.head) > 1 {
		r.head = append(r.head, ',')
	}
	r.head = append(append(append(append(r.head, '"'), name...), `":`...), value...)
}

// itemLists are the names items have in requests.
var itemLists = map[string]bool{"data": true, "batch_data": true}
