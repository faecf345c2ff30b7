package cdc

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
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

func (d *jsonDoc) word(at, pos int, word string, kind jsonKind) (int, error) {
	if len(d.text)-pos < len(word) || string(d.text[pos:pos+len(word)]) != word {
		return 0, errJSON
	}
	d.nodes[at].kind = kind
	return pos + len(word), nil
}

func (d *jsonDoc) quoted(at, pos int) (int, error) {
	n := &d.nodes[at]
	n.kind, n.start = jsonString, int32(pos+1)
	for i := pos + 1; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			n.end = int32(i)
			return i + 1, nil
		case c < ' ':
			return 0, errJSON
		case c == '\\':
			width := escapeWidth(d.text[i:])
			if width == 0 {
				return 0, errJSON
			}
			n.escaped, i = true, i+width-1
		}
	}
	return 0, errJSON
}

// escapeWidth is the length of the escape at the start of text, 0 if it is none.
func escapeWidth(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(text[2:]); ok {
			return 6
		}
	}
	return 0
}

func hex4(text []byte) (r rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		digit, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// number reads a number as JSON writes it: no leading zero, no bare point.
func (d *jsonDoc) number(at, pos int) (int, error) {
	d.nodes[at].kind = jsonNumber
	if pos < len(d.text) && d.text[pos] == '-' {
		pos++
	}
	whole := pos
	if pos = d.digits(pos); pos == whole || d.text[whole] == '0' && pos > whole+1 {
		return 0, errJSON
	}
	if pos < len(d.text) && d.text[pos] == '.' {
		point := pos + 1
		if pos = d.digits(point); pos == point {
			return 0, errJSON
		}
	}
	if pos < len(d.text) && d.text[pos]|0x20 == 'e' {
		pos++
		if pos < len(d.text) && (d.text[pos] == '+' || d.text[pos] == '-') {
			pos++
		}
		exp := pos
		if pos = d.digits(pos); pos == exp {
			return 0, errJSON
		}
	}
	return pos, nil
}

func (d *jsonDoc) digits(pos int) int {
	for pos < len(d.text) && '0' <= d.text[pos] && d.text[pos] <= '9' {
		pos++
	}
	return pos
}

// raw is the text of node i, a string's without its quotes.
func (d *jsonDoc) raw(i int32) []byte { return d.text[d.nodes[i].start:d.nodes[i].end] }

// str is the string of node i: the text itself, or a copy where it has escapes.
func (d *jsonDoc) str(i int32) []byte {
	if !d.nodes[i].escaped {
		return d.raw(i)
	}
	return unescape(d.raw(i))
}

// member is the value of an object's last member of that name, as most JSON readers have it.
func (d *jsonDoc) member(object int32, name string) (int32, bool) {
	found := int32(-1)
	if d.nodes[object].kind == jsonObject {
		for k := object + 1; k < d.nodes[object].next; k = d.nodes[k+1].next {
			if string(d.str(k)) == name {
				found = k + 1
			}
		}
	}
	return found, found >= 0
}

// text of a string member, "" where there is none.
func (d *jsonDoc) textOf(object int32, name string) string {
	if v, ok := d.member(object, name); ok && d.nodes[v].kind == jsonString {
		return string(d.str(v))
	}
	return ""
}

func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			i++
			continue
		}
		if raw[i+1] != 'u' {
			out = append(out, shortEscape(raw[i+1]))
			i += 2
			continue
		}
		r, _ := hex4(raw[i+2:])
		i += 6
		if utf16.IsSurrogate(r) {
			low, ok := surrogate(raw[i:])
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			}
		}
		out = utf8.AppendRune(out, r)
	}
	return out
}

func surrogate(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	return hex4(raw[2:])
}

func shortEscape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}
