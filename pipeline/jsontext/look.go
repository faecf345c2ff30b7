package jsontext

import (
	"unicode/utf16"
	"unicode/utf8"
)

// Raw is the text of node i, a string's without its quotes.
func (d *Doc) Raw(i int32) []byte { return d.source[d.Nodes[i].start:d.Nodes[i].end] }

// Str is the string of node i: the text itself, or a copy where it has escapes.
func (d *Doc) Str(i int32) []byte {
	if !d.Nodes[i].escaped {
		return d.Raw(i)
	}
	return unescape(d.Raw(i))
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

// text of a string member, "" where there is none.
func (d *Doc) Text(object int32, name string) string {
	if v, ok := d.Member(object, name); ok && d.Nodes[v].Kind == String {
		return string(d.Str(v))
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
