package events

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/jsontext"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// scalar appends one value that is not blank as the field wants it. What turns out to be nothing is not appended.
func (m *Maker) scalar(dst []byte, s *step, v pipeline.Value) ([]byte, error) {
	switch s.spec.kind {
	case number, numbers, whole, share:
		return appendNumeric(dst, s.spec, s.spec.name, v)
	case boolean:
		yes, ok := mapping.Truth(v)
		if !ok {
			return dst, invalid(pipeline.WrongType, s.spec.name, "true or false")
		}
		return strconv.AppendBool(dst, yes), nil
	case anything:
		return m.ownProperty(dst, s, v)
	case vendorID:
		return m.vendorID(dst, s, v)
	}
	return m.textual(dst, s, v)
}

// textual appends a value that is text in the end, in the form its field has for it.
func (m *Maker) textual(dst []byte, s *step, v pipeline.Value) ([]byte, error) {
	clean, plain, reason := m.cleanText(v)
	if reason != "" {
		return dst, invalid(reason, s.spec.name, textRule(reason))
	}
	if s.spec.kind.leavesOut() && identity.IsPlaceholder(clean) {
		return m.placeholderIn(dst, s)
	}
	if s.spec.kind == ipAddress {
		return m.appendIP(dst, s, clean)
	}
	if s.redaction.on {
		var err error
		if clean, err = m.redact(s, clean); err != nil || clean == nil {
			return dst, err
		}
	}
	if rule := m.breaks(s, clean, plain); rule != nil {
		return dst, rule
	}
	switch s.spec.kind {
	case currency:
		code := upper(clean)
		m.noteSpelling(s, clean, string(code[:]))
		return append(append(append(dst, '"'), code[:]...), '"'), nil
	case choice:
		word := chosen(s.spec.choices, clean)
		m.noteSpelling(s, clean, word)
		return jsontext.AppendString(dst, []byte(word)), nil
	case place:
		written, err := appendPlace(dst, s, clean)
		m.notePlace(s, clean, written[len(dst):])
		return written, err
	}
	if plain {
		return append(append(append(dst, '"'), clean...), '"'), nil
	}
	return jsontext.AppendString(dst, clean), nil
}

// leavesOut reports whether a placeholder in the field is left out, as NULL is. Money is not among these kinds: a purchase whose
// currency says n/a is a fault. A place has rules of its own, and a custom property has the company's own words.
func (k kind) leavesOut() bool {
	return k == text || k == texts || k == choice || k == referrer || k == ipAddress
}

// placeholderIn is what a field appends where the row has a placeholder: its default, or nothing. A placeholder identifies nobody.
func (m *Maker) placeholderIn(dst []byte, s *step) ([]byte, error) {
	if fallback, ok := s.get.Default(); ok {
		m.notes.Add(s.spec.name, pipeline.Defaulted, identity.RulePlaceholder.Error())
		return m.scalar(dst, s, fallback)
	}
	m.notes.Add(s.spec.name, pipeline.LeftOut, identity.RulePlaceholder.Error())
	err := m.settle(s, identity.RulePlaceholder)
	if m.mustHave(s) {
		err = identity.Reject(s.spec.name, identity.RulePlaceholder)
	}
	return dst, err
}

// appendIP appends a public address. One that is not, of a private network or the host itself, matches nobody: it is left out and counted.
func (m *Maker) appendIP(dst []byte, s *step, clean []byte) ([]byte, error) {
	public, ok := publicIP(clean)
	switch {
	case !ok:
		return dst, invalid(pipeline.InvalidIP, s.spec.name, "one IPv4 or IPv6 address, or several with commas between them")
	case public == nil:
		m.plan.metrics.privateAddress()
		m.notes.Add(s.spec.name, pipeline.LeftOut, "it is not a public address")
		return dst, nil
	}
	m.noteIP(s, clean, public)
	return jsontext.AppendString(dst, public), nil
}

// cleanText is the trimmed text of a value, and whether JSON takes it as it is. ASCII is looked at once for that and for
// being UTF-8.
func (m *Maker) cleanText(v pipeline.Value) (clean []byte, plain bool, reason pipeline.Reason) {
	if v.Kind() == pipeline.String {
		clean = mapping.Trim(v.Bytes())
		if plain = jsontext.PlainUntil(clean) == len(clean); plain {
			return clean, true, ""
		}
	}
	if reason = notText(v); reason != "" {
		return nil, false, reason
	}
	return mapping.Trim(m.row.Text(v)), false, ""
}

// notText is the reason why a value is not text, "" if it is.
func notText(v pipeline.Value) pipeline.Reason {
	switch v.Kind() {
	case pipeline.String:
		if !utf8.Valid(v.Bytes()) {
			return pipeline.InvalidText
		}
		return ""
	case pipeline.Float, pipeline.Float32:
		if f := v.Float(); f-f != 0 { // NaN, or infinite
			return pipeline.InvalidNumber
		}
	case pipeline.Bytes, pipeline.List, pipeline.Struct, pipeline.JSON, pipeline.Duration:
		return pipeline.WrongType
	}
	return ""
}

func textRule(reason pipeline.Reason) string {
	switch reason {
	case pipeline.InvalidText:
		return "valid UTF-8"
	case pipeline.InvalidNumber:
		return "a finite number"
	}
	return "a text, number or time; `type: string` or `hex` for binary columns, `path` for a member of JSON"
}

// breaks is the rule of its field that a text breaks; plain is what cleanText says of it.
func (m *Maker) breaks(s *step, clean []byte, plain bool) *pipeline.Rejection {
	switch s.spec.kind {
	case currency:
		if !m.knownCurrency(clean) {
			return invalid(pipeline.InvalidCurrency, s.spec.name, m.plan.currencies.Load().rule())
		}
	case choice:
		if chosen(s.spec.choices, clean) == "" {
			return invalid(pipeline.InvalidValue, s.spec.name, "one of "+strings.Join(s.spec.choices, ", "))
		}
	case webAddress:
		if !isWebAddress(clean, plain) {
			return invalid(pipeline.InvalidURL, s.spec.name, "an absolute URL: http:// or https:// and a host")
		}
	case referrer:
		if !isAddress(clean, plain) {
			return invalid(pipeline.InvalidURL, s.spec.name, "an absolute URL: a scheme, :// and a host")
		}
	}
	if s.spec.max > 0 && len(clean) > s.spec.max && utf8.RuneCount(clean) > s.spec.max {
		return invalid(pipeline.TooLong, s.spec.name, "at most "+strconv.Itoa(s.spec.max)+" characters")
	}
	return nil
}

func (m *Maker) knownCurrency(clean []byte) bool {
	code := upper(clean)
	return len(clean) == len(code) && m.plan.currencies.Load().codes[code]
}

// upper is a currency code in upper case.
func upper(clean []byte) (code [3]byte) {
	copy(code[:], clean)
	for i, c := range code {
		if 'a' <= c && c <= 'z' {
			code[i] = c - 'a' + 'A'
		}
	}
	return code
}

// alias is the text without a copy, for calls that keep nothing of it.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// chosen is the word of the vocabulary that the text is but for case, or "".
func chosen(choices []string, clean []byte) string {
	for _, c := range choices {
		if len(c) == len(clean) && strings.EqualFold(c, alias(clean)) {
			return c
		}
	}
	return ""
}

// appendNumeric appends a number of any kind.
func appendNumeric(dst []byte, s *spec, field string, v pipeline.Value) ([]byte, error) {
	if s.kind == whole {
		n, reason := wholeNumber(v)
		if reason != "" {
			return dst, invalid(reason, field, numberRule(reason, true))
		}
		return strconv.AppendInt(dst, n, 10), nil
	}
	start := len(dst)
	dst, reason := appendNumber(dst, v)
	if reason != "" {
		return dst, invalid(reason, field, numberRule(reason, false))
	}
	if s.kind == share {
		if f, err := strconv.ParseFloat(alias(dst[start:]), 64); err != nil || f > 1 {
			return dst, invalid(pipeline.InvalidValue, field, "a number from 0 to 1")
		}
	}
	return dst, nil
}

// appendPlace appends a city, state or country as TikTok wants it; nothing of it may be left.
func appendPlace(dst []byte, s *step, clean []byte) ([]byte, error) {
	start := len(dst)
	dst, err := identity.Place{Country: s.spec.name == "user.country"}.Append(append(dst, '"'), clean)
	switch {
	case errors.Is(err, identity.RulePlaceholder):
		return dst[:start], nil
	case err != nil:
		return dst, identity.Reject(s.spec.name, err)
	case len(dst) == start+1:
		return dst[:start], nil
	}
	return append(dst, '"'), nil
}
