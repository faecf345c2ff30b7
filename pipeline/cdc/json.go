package cdc

import (
	"errors"
)

// jsonKind is the kind of a JSON value.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonTrue
	jsonFalse
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// jsonNode is one value of a document. Nodes stand in the order of the text: the first child of node i is i+1, the node
// after i and all within it is next. An object's children are key, value, key, value.
type jsonNode struct {
	kind       jsonKind
	escaped    bool  // a string with escapes
	start, end int32 // the text; a string's without its quotes
	next       int32
}

// jsonDoc is a parsed JSON text. It is used again for the next text, so that a row costs no allocation once warm.
type jsonDoc struct {
	text  []byte
	nodes []jsonNode
	max   jsonLimits
}

type jsonLimits struct{ depth, nodes int }

var (
	errJSON        = errors.New("the text is not valid JSON")
	errJSONDepth   = errors.New("the JSON is nested too deeply")
	errJSONNodes   = errors.New("the JSON has too many values")
	errJSONLeft    = errors.New("text is left over behind the JSON value")
	errJSONTooLong = errors.New("the JSON text is too long")
)

// parse reads one JSON value that fills the text.
func (d *jsonDoc) parse(text []byte, max jsonLimits) error {
	d.text, d.nodes, d.max = text, d.nodes[:0], max
	if len(text) > 1<<30 {
		return errJSONTooLong
	}
	pos, err := d.value(d.space(0), 0)
	if err != nil {
		return err
	}
	if d.space(pos) != len(text) {
		return errJSONLeft
	}
	return nil
}

func (d *jsonDoc) space(pos int) int {
	for pos < len(d.text) && (d.text[pos] == ' ' || d.text[pos] == '\n' || d.text[pos] == '\t' || d.text[pos] == '\r') {
		pos++
	}
	return pos
}

func (d *jsonDoc) value(pos, depth int) (int, error) {
	switch {
	case pos >= len(d.text):
		return 0, errJSON
	case depth > d.max.depth:
		return 0, errJSONDepth
	case len(d.nodes) >= d.max.nodes:
		return 0, errJSONNodes
	}
	at := len(d.nodes)
	d.nodes = append(d.nodes, jsonNode{start: int32(pos)})
	end, err := d.body(at, pos, depth)
	if err != nil {
		return 0, err
	}
	n := &d.nodes[at]
	if n.kind != jsonString {
		n.end = int32(end)
	}
	n.next = int32(len(d.nodes))
	return end, nil
}

func (d *jsonDoc) body(at, pos, depth int) (int, error) {
	switch c := d.text[pos]; c {
	case '{':
		d.nodes[at].kind = jsonObject
		return d.members(pos+1, depth+1, '}')
	case '[':
		d.nodes[at].kind = jsonArray
		return d.members(pos+1, depth+1, ']')
	case '"':
		return d.quoted(at, pos)
	case 't':
		return d.word(at, pos, "true", jsonTrue)
	case 'f':
		return d.word(at, pos, "false", jsonFalse)
	case 'n':
		return d.word(at, pos, "null", jsonNull)
	}
	return d.number(at, pos)
}

// members reads what stands between the brackets of an array or object.
func (d *jsonDoc) members(pos, depth int, end byte) (int, error) {
	if pos = d.space(pos); pos < len(d.text) && d.text[pos] == end {
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
		if pos = d.space(pos); pos >= len(d.text) || d.text[pos] != ',' && d.text[pos] != end {
			return 0, errJSON
		}
		pos++
		if d.text[pos-1] == end {
			return pos, nil
		}
	}
}

func (d *jsonDoc) key(pos, depth int) (int, error) {
	if pos >= len(d.text) || d.text[pos] != '"' {
		return 0, errJSON
	}
	pos, err := d.value(pos, depth)
	if err != nil {
		return 0, err
	}
	if pos = d.space(pos); pos >= len(d.text) || d.text[pos] != ':' {
		return 0, errJSON
	}
	return pos + 1, nil
}
