package sandbox

// quoted reads a string and returns where its inside stands.
func (p *parser) quoted() (start, end int, escaped bool, err error) {
	src, ascii := p.src, true
	start = p.pos + 1
	for i := start; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			p.pos = i + 1
			if !ascii && !validText(src[start:i]) {
				return 0, 0, false, errJSON
			}
			return start, i, escaped, nil
		case c == '\\':
			n := escapeLength(src[i:])
			if n == 0 {
				return 0, 0, false, errJSON
			}
			escaped = true
			i += n - 1
		case c < 0x20:
			return 0, 0, false, errJSON
		case c >= 0x80:
			ascii = false
		}
	}
	return 0, 0, false, errJSON
}

// escapeLength is how many bytes the escape at the start of s takes, a surrogate pair counting as one; 0 if it is wrong.
func escapeLength(s []byte) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		return unicodeLength(s)
	}
	return 0
}

func unicodeLength(s []byte) int {
	high, ok := hex4(s)
	switch {
	case !ok || high >= 0xDC00 && high <= 0xDFFF:
		return 0
	case high < 0xD800 || high > 0xDFFF:
		return 6
	}
	low, ok := hex4(s[6:])
	if !ok || low < 0xDC00 || low > 0xDFFF {
		return 0
	}
	return 12
}

// hex4 reads the four digits of a \uXXXX at the start of s.
func hex4(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range s[2:6] {
		digit := hexDigit(c)
		if digit < 0 {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// hexDigit is the value of a hexadecimal digit of either case, or -1.
func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (p *parser) number() (kind, error) {
	p.skip('-')
	switch {
	case p.skip('0'):
	case p.digits() == 0:
		return 0, errJSON
	}
	kind := kindInteger
	if p.skip('.') {
		kind = kindDecimal
		if p.digits() == 0 {
			return 0, errJSON
		}
	}
	if p.skip('e') || p.skip('E') {
		kind = kindDecimal
		_ = p.skip('+') || p.skip('-')
		if p.digits() == 0 {
			return 0, errJSON
		}
	}
	return kind, nil
}

func (p *parser) skip(c byte) bool {
	if p.pos < len(p.src) && p.src[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *parser) digits() (n int) {
	for p.pos < len(p.src) && p.src[p.pos] >= '0' && p.src[p.pos] <= '9' {
		p.pos++
		n++
	}
	return n
}

func (p *parser) word(c byte) (kind, error) {
	kind, word := kindNull, "null"
	switch c {
	case 't':
		kind, word = kindBool, "true"
	case 'f':
		kind, word = kindBool, "false"
	}
	end := p.pos + len(word)
	if end > len(p.src) || string(p.src[p.pos:end]) != word {
		return 0, errJSON
	}
	p.pos = end
	return kind, nil
}
