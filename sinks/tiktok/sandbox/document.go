package sandbox

import (
	"bytes"
	"errors"
	"math"
	"unicode/utf8"

	"github.com/tokrelay/tokrelay/pipeline/jsontext"
)

// errJSON is the only thing the simulator says about a body that is not JSON.
var errJSON = errors.New("not JSON")

// maxDepth bounds the nesting of a body; TikTok's deepest has six levels.
const maxDepth = 64

// document is a parsed body, reused from call to call. It is stricter than encoding/json: invalid UTF-8 and lone surrogates
// are refused, not replaced.
type document struct{ json jsontext.Doc }

// parse reads one JSON value that fills src. src must stay untouched while the document is used.
func (d *document) parse(src []byte) error {
	if !utf8.Valid(src) || d.json.Parse(src, jsontext.Limits{Depth: maxDepth, Nodes: math.MaxInt}) != nil {
		return errJSON
	}
	if !bytes.Contains(src, []byte(`\u`)) {
		return nil
	}
	for i, n := range d.json.Nodes {
		if _, ok := jsontext.Unescape(nil, d.json.Raw(int32(i))); n.Kind == jsontext.String && !ok {
			return errJSON
		}
	}
	return nil
}

func (d *document) root() value { return value{d: &d.json} }

// value points at one node of a document, and at its name in an object. The zero value is one that is not there.
type value struct {
	d       *jsontext.Doc
	i, name int32
}

func (v value) kind() jsontext.Kind {
	if v.d == nil {
		return jsontext.Null
	}
	return v.d.Nodes[v.i].Kind
}
func (v value) isNumber() bool { return v.kind() == jsontext.Number }
func (v value) isList() bool   { return v.kind() == jsontext.Array }

// raw is the value as it was written, a string without its quotes.
func (v value) raw() []byte {
	if v.d == nil {
		return nil
	}
	return v.d.Raw(v.i)
}

// text is the string value; the slice may point into the body.
func (v value) text() []byte {
	if v.d == nil {
		return nil
	}
	return v.d.Str(v.i)
}

// key is the name under which the value is in its object.
func (v value) key() []byte { return v.d.Str(v.name) }

// each calls yield for every element or member, in order.
func (v value) each(yield func(value) bool) {
	n := v.d.Nodes[v.i]
	for i := v.i + 1; i < n.Next; i = v.d.Nodes[i].Next {
		name := i
		if n.Kind == jsontext.Object {
			i++
		}
		if !yield(value{v.d, i, name}) {
			return
		}
	}
}

// elements calls yield for every element of an array; anything else has none.
func (v value) elements(yield func(value) bool) {
	if v.isList() {
		v.each(yield)
	}
}

func (v value) count() (n int) {
	if v.d != nil {
		for range v.each {
			n++
		}
	}
	return n
}

// get finds a member of an object. The last of repeated members counts, as in most decoders.
func (v value) get(name string) (value, bool) {
	if v.d == nil {
		return value{}, false
	}
	i, ok := v.d.Member(v.i, name)
	if !ok {
		return value{}, false
	}
	return value{v.d, i, i - 1}, true
}

// str is the member's text, or "" where it is absent or not a string.
func (v value) str(name string) string { return v.d.Text(v.i, name) }
