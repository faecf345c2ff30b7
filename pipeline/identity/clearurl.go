package identity

import "bytes"

// URL is the URL without addresses and numbers, and whether there were any, as Text has it. Of a parameter in the query or the fragment
// the value becomes Redacted, of the path the segment; what is before the host's @ is left out. All else stays byte for byte.
func (r *Redactor) URL(url []byte) (clean []byte, found bool) {
	if !suspicious(url) {
		return url, false
	}
	scheme, rest, ok := r.cutScheme(url)
	if !ok {
		return r.text(url)
	}
	return r.url(url, scheme, rest)
}

// cutScheme cuts a URL behind its scheme; ok is false for what is not one.
func (r *Redactor) cutScheme(url []byte) (scheme, rest []byte, ok bool) {
	scheme, rest, ok = bytes.Cut(url, []byte("://"))
	for _, c := range scheme {
		ok = ok && (isWord(c) || c == '+' || c == '-' || c == '.')
	}
	return scheme, rest, ok && !r.Holds(scheme)
}

func (r *Redactor) url(url, scheme, rest []byte) (clean []byte, found bool) {
	r.out = append(append(r.out[:0], scheme...), "://"...)
	n := untilAny(rest, "/?#")
	found = r.host(rest[:n])
	for region := "/?#"; n < len(rest); {
		separator := rest[n]
		switch {
		case separator == '#':
			region = "/?&#"
		case separator == '?' && region == "/?#":
			region = "&#"
		}
		r.out, rest = append(r.out, separator), rest[n+1:]
		n = untilAny(rest, region)
		found = r.part(rest[:n]) || found
	}
	if !found {
		return url, false
	}
	return r.out, true
}

// untilAny is the position of the first of some characters, or the end.
func untilAny(text []byte, chars string) int {
	for i, c := range text {
		for j := range len(chars) {
			if chars[j] == c {
				return i
			}
		}
	}
	return len(text)
}

// host appends the host without what is before its @: a user's name, perhaps a password.
func (r *Redactor) host(authority []byte) (found bool) {
	host := authority[bytes.LastIndexByte(authority, '@')+1:]
	if r.Holds(host) {
		r.out = append(r.out, Redacted...)
		return true
	}
	r.out = append(r.out, host...)
	return len(host) < len(authority)
}

// part appends a segment of the path, or a parameter.
func (r *Redactor) part(text []byte) (found bool) {
	name, value, given := bytes.Cut(text, []byte{'='})
	switch {
	case given && !r.Holds(name) && r.HoldsParameter(name, value):
		r.out = append(append(append(r.out, name...), '='), Redacted...)
	case r.Holds(text):
		r.out = append(r.out, Redacted...)
	default:
		r.out = append(r.out, text...)
		return false
	}
	return true
}
