package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// errJSON is the only thing the simulator says about a body that is not JSON.
var errJSON = errors.New("not JSON")

// maxDepth bounds the recursion of the parser; TikTok's deepest body has six levels.
const maxDepth = 64

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindInteger // a number without fraction and exponent
	kindDecimal // any other number
	kindString
	kindArray
	kindObject
)

// node is one JSON value of a document. Its children follow it directly; next is where its subtree ends.
type node struct {
	keyStart, keyEnd int32 // the raw member name, without quotes; empty outside objects
	start, end       int32 // the raw value; of a string without its quotes
	next             int32
	kind             kind
	escaped          bool // the string holds a backslash
	keyEscaped       bool
}

// document is a parsed body: the bytes and a flat list of nodes, reused from call to call.
// It is stricter than encoding/json: invalid UTF-8 and lone surrogates are refused, not replaced.
type document struct {
	src   []byte
	nodes []node
}

// parse reads one JSON value that fills src. src must stay untouched while the document is used.
func (d *document) parse(src []byte) error {
	d.src, d.nodes = src, d.nodes[:0]
	p := parser{src: src, nodes: d.nodes}
	err := p.value(0)
	d.nodes = p.nodes
	if err == nil && p.space() != len(src) {
		err = errJSON
	}
	return err
}

func (d *document) root() value { return value{d, 0} }

// value points at one node of a document.
type value struct {
	d *document
	i int32
}

func (v value) node() *node  { return &v.d.nodes[v.i] }
func (v value) kind() kind   { return v.node().kind }
func (v value) first() int32 { return v.i + 1 }
func (v value) last() int32  { return v.node().next }
func (v value) raw() []byte  { n := v.node(); return v.d.src[n.start:n.end] }
func (v value) at(i int32) value {
	return value{v.d, i}
}

// text is the string value; the slice may point into the body.
func (v value) text() []byte { return unescape(v.raw(), v.node().escaped) }

// key is the name under which the value is in its object.
func (v value) key() []byte {
	n := v.node()
	return unescape(v.d.src[n.keyStart:n.keyEnd], n.keyEscaped)
}

// source is the value as it was written, strings with their quotes.
func (v value) source() []byte {
	n := v.node()
	if n.kind == kindString {
		return v.d.src[n.start-1 : n.end+1]
	}
	return v.raw()
}

// each calls yield for every child, in order.
func (v value) each(yield func(value) bool) {
	for i := v.first(); i < v.last(); i = v.d.nodes[i].next {
		if !yield(value{v.d, i}) {
			return
		}
	}
}

// elements calls yield for every element of an array; anything else has none.
func (v value) elements(yield func(value) bool) {
	if v.d != nil && v.kind() == kindArray {
		v.each(yield)
	}
}

func (v value) count() int {
	if v.d == nil {
		return 0
	}
	n := 0
	for range v.each {
		n++
	}
	return n
}

// get finds a member of an object. The last of repeated members counts, as in most decoders.
func (v value) get(name string) (found value, ok bool) {
	if v.d == nil || v.kind() != kindObject {
		return value{}, false
	}
	for m := range v.each {
		if string(m.key()) == name {
			found, ok = m, true
		}
	}
	return found, ok
}

// str is the member's text, or "" where it is absent or no string.
func (v value) str(name string) string {
	m, ok := v.get(name)
	if !ok || m.kind() != kindString {
		return ""
	}
	return string(m.text())
}

func unescape(raw []byte, escaped bool) []byte {
	if !escaped {
		return raw
	}
	var s string
	quoted := bytes.Join([][]byte{{'"'}, raw, {'"'}}, nil)
	if json.Unmarshal(quoted, &s) != nil {
		return raw // cannot be: the parser has checked every escape
	}
	return []byte(s)
}

func validText(raw []byte) bool { return utf8.Valid(raw) }
