package jsontext

func (d *Doc) word(at, pos int, word string, kind Kind) (int, error) {
	if len(d.source)-pos < len(word) || string(d.source[pos:pos+len(word)]) != word {
		return 0, errText
	}
	d.Nodes[at].Kind = kind
	return pos + len(word), nil
}

func (d *Doc) quoted(at, pos int) (int, error) {
	n := &d.Nodes[at]
	n.Kind, n.start = String, int32(pos+1)
	for i := pos + 1; i < len(d.source); i++ {
		switch c := d.source[i]; {
		case c == '"':
			n.end = int32(i)
			return i + 1, nil
		case c < ' ':
			return 0, errText
		case c == '\\':
			width := escapeWidth(d.source[i:])
			if width == 0 {
				return 0, errText
			}
			n.escaped, i = true, i+width-1
		}
	}
	return 0, errText
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
func (d *Doc) number(at, pos int) (int, error) {
	d.Nodes[at].Kind = Number
	if pos < len(d.source) && d.source[pos] == '-' {
		pos++
	}
	whole := pos
	if pos = d.digits(pos); pos == whole || d.source[whole] == '0' && pos > whole+1 {
		return 0, errText
	}
	if pos < len(d.source) && d.source[pos] == '.' {
		point := pos + 1
		if pos = d.digits(point); pos == point {
			return 0, errText
		}
	}
	if pos < len(d.source) && d.source[pos]|0x20 == 'e' {
		pos++
		if pos < len(d.source) && (d.source[pos] == '+' || d.source[pos] == '-') {
			pos++
		}
		exp := pos
		if pos = d.digits(pos); pos == exp {
			return 0, errText
		}
	}
	return pos, nil
}

func (d *Doc) digits(pos int) int {
	for pos < len(d.source) && '0' <= d.source[pos] && d.source[pos] <= '9' {
		pos++
	}
	return pos
}
