package debugger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"io"
	"strings"
)

// masker decides what is shown of a text in JSON, by the name it stands under. omit leaves the member out.
type masker func(name, value string) (shown string, omit bool)

// jsonWriter writes JSON again as it came, in its own order: masked, and either as HTML on lines of their own or tight.
type jsonWriter struct {
	out    bytes.Buffer
	dec    *json.Decoder
	mask   masker
	markup bool
	depth  int
}

// jsonHTML is JSON for people: indented, its parts marked up. Text that is not JSON is shown as what was shown of it until
// there.
func jsonHTML(text []byte, mask masker) template.HTML {
	w := newJSONWriter(text, mask)
	w.markup = true
	_ = w.value("") // what could be read is shown
	return template.HTML(w.out.String())
}

// jsonText is the same tight, for machines.
func jsonText(text []byte, mask masker) ([]byte, error) {
	w := newJSONWriter(text, mask)
	if err := w.value(""); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return w.out.Bytes(), nil
}

func newJSONWriter(text []byte, mask masker) *jsonWriter {
	w := &jsonWriter{dec: json.NewDecoder(bytes.NewReader(text)), mask: mask}
	w.dec.UseNumber()
	return w
}

func (w *jsonWriter) value(name string) error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	return w.token(name, t)
}

func (w *jsonWriter) token(name string, t json.Token) error {
	switch v := t.(type) {
	case json.Delim:
		if v == '{' {
			return w.compound("}", w.member)
		}
		return w.compound("]", func() error { w.next(); return w.value(name) })
	case string:
		shown, _ := w.mask(name, v)
		w.atom("s", quoted(shown))
	case json.Number:
		w.atom("n", v.String())
	default:
		w.atom("k", fmt.Sprint(orNull(v)))
	}
	return nil
}

func orNull(v any) any {
	if v == nil {
		return "null"
	}
	return v
}

// compound writes what stands between brackets, after the opening one was read.
func (w *jsonWriter) compound(closing string, each func() error) error {
	w.out.WriteString(map[string]string{"}": "{", "]": "["}[closing])
	w.depth++
	empty := w.out.Len()
	for w.dec.More() {
		if err := each(); err != nil {
			return err
		}
	}
	w.depth--
	if _, err := w.dec.Token(); err != nil {
		return err
	}
	if w.out.Len() > empty {
		w.line()
	}
	w.out.WriteString(closing)
	return nil
}

// member writes a name and its value, unless the value is to be left out.
func (w *jsonWriter) member() error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	name, _ := t.(string)
	if t, err = w.dec.Token(); err != nil {
		return err
	}
	if text, ok := t.(string); ok {
		if _, omit := w.mask(name, text); omit {
			return nil
		}
	}
	w.next()
	w.atom("m", quoted(name))
	w.out.WriteString(map[bool]string{true: ": ", false: ":"}[w.markup])
	return w.token(name, t)
}

// next begins another member or element.
func (w *jsonWriter) next() {
	if b := w.out.Bytes(); len(b) > 0 && b[len(b)-1] != '{' && b[len(b)-1] != '[' {
		w.out.WriteByte(',')
	}
	w.line()
}

func (w *jsonWriter) line() {
	if w.markup {
		w.out.WriteString("\n" + strings.Repeat("  ", w.depth))
	}
}

func (w *jsonWriter) atom(class, text string) {
	if w.markup {
		fmt.Fprintf(&w.out, `<span class="j%s">%s</span>`, class, html.EscapeString(text))
		return
	}
	w.out.WriteString(text)
}

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimRight(b.String(), "\n")
}

// asIs masks nothing.
func asIs(_, value string) (string, bool) { return value, false }

// request is a call's body taken apart: what stands around its items, and the items.
type request struct {
	head  []byte // the body with an empty list in place of the items
	list  string // the name of the list
	items []json.RawMessage
	whole bool
}

// lists are the names items stand under in requests.
var lists = map[string]bool{"data": true, "batch_data": true}

// takeApart reads a request as far as it is there: one that was cut has fewer items.
func takeApart(body []byte) request {
	r := request{head: []byte("{")}
	dec := json.NewDecoder(bytes.NewReader(body))
	r.whole = r.read(dec) == nil
	r.head = append(r.head, '}')
	return r
}

func (r *request) read(dec *json.Decoder) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return io.ErrUnexpectedEOF
	}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if len(r.head) > 1 {
			r.head = append(r.head, ',')
		}
		r.head = append(append(r.head, quoted(name)...), ':')
		if lists[name] {
			r.list = name
			r.head = append(r.head, "[]"...)
			err = r.readItems(dec)
		} else {
			var value json.RawMessage
			if err = dec.Decode(&value); err != nil {
				value = []byte("null")
			}
			r.head = append(r.head, value...)
		}
		if err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

func (r *request) readItems(dec *json.Decoder) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return io.ErrUnexpectedEOF
	}
	for dec.More() {
		var item json.RawMessage
		if err := dec.Decode(&item); err != nil {
			return err
		}
		r.items = append(r.items, item)
	}
	_, err := dec.Token()
	return err
}
