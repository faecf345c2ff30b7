// Package jsontext reads and writes JSON as text, without building Go values: rows that come as JSON, schemas, requests. A
// Doc has the values of a text as nodes, a Walker goes over one array or object in place, Pieces over the texts alone.
package jsontext

// Kind is the kind of a JSON value.
type Kind uint8

const (
	Null Kind = iota
	True
	False
	Number
	String
	Array
	Object
)

// Node is one value of a document. Nodes are in the order of the text: the first child of node i is i+1, the node
// after i and all within it is Next. An object's children are key, value, key, value.
type Node struct {
	Kind       Kind
	escaped    bool  // a string with escapes
	start, end int32 // the text; a string's without its quotes
	Next       int32
}

// Doc is a parsed JSON text. It is used again for the next text, so that a row costs no allocation once warm.
type Doc struct {
	source []byte
	Nodes  []Node
}

// Parse reads one JSON value that fills the text, which must stay as it is while the Doc is used.
func (d *Doc) Parse(text []byte, max Limits) error {
	if len(text) > 1<<30 {
		return ErrTooLong
	}
	s := scanner{text: text, max: max, collect: true, nodes: d.Nodes[:0]}
	err := s.value(0)
	d.source, d.Nodes = text, s.nodes
	if err == nil && !s.isOver() {
		err = errLeft
	}
	return err
}

// Raw is the text of node i, a string's without its quotes.
func (d *Doc) Raw(i int32) []byte { return d.source[d.Nodes[i].start:d.Nodes[i].end] }

// Str is the string of node i: the text itself, or a copy where it has escapes.
func (d *Doc) Str(i int32) []byte {
	raw := d.Raw(i)
	if d.Nodes[i].escaped {
		raw, _ = Unescape(make([]byte, 0, len(raw)), raw)
	}
	return raw
}

// Member is the value of an object's last member of that name, as most JSON readers have it.
func (d *Doc) Member(object int32, name string) (int32, bool) {
	found := int32(-1)
	if d.Nodes[object].Kind == Object {
		for k := object + 1; k < d.Nodes[object].Next; k = d.Nodes[k+1].Next {
			if string(d.Str(k)) == name {
				found = k + 1
			}
		}
	}
	return found, found >= 0
}

// Text is the text of a string member, "" where there is none.
func (d *Doc) Text(object int32, name string) string {
	if v, ok := d.Member(object, name); ok && d.Nodes[v].Kind == String {
		return string(d.Str(v))
	}
	return ""
}
