// Package jsontext scans JSON into nodes and looks into them, without building Go values: rows that come as JSON, and
// schemas. A Doc is used again for the next text, so that a row costs no allocation once warm.
package jsontext

import (
	"errors"
)

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
// after i and all within it is next. An object's children are key, value, key, value.
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
	max    Limits
}

type Limits struct{ Depth, Nodes int }

var (
	errText    = errors.New("the text is not valid JSON")
	ErrDepth   = errors.New("the JSON is nested too deeply")
	ErrNodes   = errors.New("the JSON has too many values")
	errLeft    = errors.New("text is left over behind the JSON value")
	ErrTooLong = errors.New("the JSON text is too long")
)

// Parse reads one JSON value that fills the text.
func (d *Doc) Parse(text []byte, max Limits) error {
	d.source, d.Nodes, d.max = text, d.Nodes[:0], max
	if len(text) > 1<<30 {
		return ErrTooLong
	}
	pos, err := d.value(d.space(0), 0)
	if err != nil {
		return err
	}
	if d.space(pos) != len(text) {
		return errLeft
	}
	return nil
}

func (d *Doc) space(pos int) int {
	for pos < len(d.source) && (d.source[pos] == ' ' || d.source[pos] == '\n' || d.source[pos] == '\t' || d.source[pos] == '\r') {
		pos++
	}
	return pos
}

func (d *Doc) value(pos, depth int) (int, error) {
	switch {
	case pos >= len(d.source):
		return 0, errText
	case depth > d.max.Depth:
		return 0, ErrDepth
	case len(d.Nodes) >= d.max.Nodes:
		return 0, ErrNodes
	}
	at := len(d.Nodes)
	d.Nodes = append(d.Nodes, Node{start: int32(pos)})
	end, err := d.body(at, pos, depth)
	if err != nil {
		return 0, err
	}
	n := &d.Nodes[at]
	if n.Kind != String {
		n.end = int32(end)
	}
	n.Next = int32(len(d.Nodes))
	return end, nil
}

func (d *Doc) body(at, pos, depth int) (int, error) {
	switch c := d.source[pos]; c {
	case '{':
		d.Nodes[at].Kind = Object
		return d.members(pos+1, depth+1, '}')
	case '[':
		d.Nodes[at].Kind = Array
		return d.members(pos+1, depth+1, ']')
	case '"':
		return d.quoted(at, pos)
	case 't':
		return d.word(at, pos, "true", True)
	case 'f':
		return d.word(at, pos, "false", False)
	case 'n':
		return d.word(at, pos, "null", Null)
	}
	return d.number(at, pos)
}

// members reads what stands between the brackets of an array or object.
func (d *Doc) members(pos, depth int, end byte) (int, error) {
	if pos = d.space(pos); pos < len(d.source) && d.source[pos] == end {
		return pos + 1, nil
	}
	for {
		var err error
		if end == '}' {
			if pos, err = d.key(d.space(pos), depth); err != nil {
				return 0, err
			}
		}
		if pos, err = d.value(d.space(pos), depth); err != nil {
			return 0, err
		}
		if pos = d.space(pos); pos >= len(d.source) || d.source[pos] != ',' && d.source[pos] != end {
			return 0, errText
		}
		pos++
		if d.source[pos-1] == end {
			return pos, nil
		}
	}
}

func (d *Doc) key(pos, depth int) (int, error) {
	if pos >= len(d.source) || d.source[pos] != '"' {
		return 0, errText
	}
	pos, err := d.value(pos, depth)
	if err != nil {
		return 0, err
	}
	if pos = d.space(pos); pos >= len(d.source) || d.source[pos] != ':' {
		return 0, errText
	}
	return pos + 1, nil
}
