package events

import (
	"errors"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// object is a JSON object that fields are in.
type object struct {
	within *object // nil: the event itself
	open   []byte  // "user":{
}

// holds reports whether the other is in this one, or is it.
func (o *object) holds(other *object) bool {
	for ; other != nil && other != o; other = other.within {
	}
	return other == o
}

// enter closes what does not hold the next field and opens what does.
func (m *Maker) enter(dst []byte, o *object) []byte {
	if m.open == o {
		return dst
	}
	for !m.open.holds(o) {
		dst, m.open = append(dst, '}'), m.open.within
	}
	return m.openUp(dst, o)
}

func (m *Maker) openUp(dst []byte, o *object) []byte {
	if o == m.open {
		return dst
	}
	dst = append(comma(m.openUp(dst, o.within)), o.open...)
	m.open = o
	return dst
}

// comma goes before every member but the first of an object.
func comma(dst []byte) []byte {
	if dst[len(dst)-1] == '{' {
		return dst
	}
	return append(dst, ',')
}

// fields writes every mapped field that has a value; an object without any is not written either.
func (m *Maker) fields(dst []byte) (_ []byte, err error) {
	m.open, m.sent = nil, nil
	for i := range m.plan.steps {
		s := &m.plan.steps[i]
		if !m.applies(s) {
			m.noteOutOfPlace(s)
			continue
		}
		mark, open := len(dst), m.open
		dst = append(comma(m.enter(dst, s.object)), s.key...)
		before := len(dst)
		written, err := m.value(dst, s)
		if err != nil {
			written, err = m.onInvalid(dst, s, err)
		}
		if dst = written; err != nil {
			return dst, err
		}
		if len(dst) == before {
			dst, m.open = dst[:mark], open
			continue
		}
		m.noteSource(s)
		m.keys |= s.matchKey
	}
	for _, s := range m.plan.unmapped {
		if s.required&m.from != 0 {
			return dst, invalid(pipeline.RequiredField, s.name, "mapped, for "+m.from.name()+" events: there is none without it")
		}
	}
	switch {
	case !m.plan.requires || m.keys&identifying != 0:
	case m.placeholder != nil:
		return dst, m.placeholder
	default:
		return dst, pipeline.Reject(pipeline.StageIdentity, pipeline.NoIdentifier, "user", identifiersOf(m.from))
	}
	m.noteMoney()
	return m.enter(dst, nil), nil
}

// identifiersOf is the rule of a row that has nothing to match a person by.
func identifiersOf(from source) string {
	if from == app {
		return "an email, phone, idfa, gaid, idfv or ad.callback"
	}
	return "an email, phone, external_id, ttp or ttclid"
}

// applies reports whether the field goes into this row's event.
func (m *Maker) applies(s *step) bool {
	return s.spec.sources&m.from != 0 && (!s.spec.rider || m.open == s.object)
}

// value appends the field's value, or nothing where the row has none.
func (m *Maker) value(dst []byte, s *step) ([]byte, error) {
	switch {
	case s.limits && m.limited:
		m.notes.Add(s.spec.name, pipeline.Elsewhere, "the row's consent is a limited one")
		return append(dst, "true"...), nil
	case s.elsewhere != nil:
		return m.browserID(dst, s)
	case s.limits && s.get == nil:
		return dst, nil
	case s.computed:
		return m.computed(dst, s), nil
	case s.spec.kind == identifier:
		return m.identifiers(dst, s)
	case s.spec.kind == texts || s.spec.kind == numbers:
		return m.list(dst, s)
	case s.products != nil:
		return m.contents(dst, s)
	case s.spec.kind == brands:
		return m.brands(dst, s)
	}
	v, err := s.get.Value(m.row)
	if err != nil {
		return dst, err
	}
	if reason := missing(v); reason != "" {
		if m.mustHave(s) {
			return dst, invalid(reason, s.spec.name, "a value in every row")
		}
		return dst, nil
	}
	if s.spec.kind == oneHash {
		return m.oneHash(dst, s, v)
	}
	return m.scalar(dst, s, v)
}

// onInvalid is what a field that cannot be sent appends where the sync does not reject the row for it: its default, or nothing. An
// identifier that is left out counts where the row has no other one.
func (m *Maker) onInvalid(dst []byte, s *step, err error) ([]byte, error) {
	rejection, ok := errors.AsType[*pipeline.Rejection](err)
	if !ok || s.onInvalid == "" || s.onInvalid == "reject" {
		return dst, err
	}
	if s.products != nil {
		m.sum, m.ids = productSum{}, m.ids[:0]
	}
	if fallback, ok := s.get.Default(); ok && s.onInvalid == "default" {
		m.noteInvalid(s, pipeline.Defaulted, rejection)
		return m.scalar(dst, s, fallback)
	}
	m.noteInvalid(s, pipeline.LeftOut, rejection)
	if m.placeholder == nil && s.matchKey&identifying != 0 {
		m.placeholder = rejection
	}
	return dst, nil
}

// mustHave names the fields TikTok refuses an event without.
func (m *Maker) mustHave(s *step) bool { return s.spec.required&m.from != 0 }

// missing is the reason to reject a row whose required field has this value, "" where there is a value.
func missing(v pipeline.Value) pipeline.Reason {
	switch v.Kind() {
	case pipeline.Unavailable:
		return pipeline.UnavailableValueInRow
	case pipeline.Missing, pipeline.Null:
		return pipeline.RequiredField
	case pipeline.String, pipeline.Bytes, pipeline.JSON:
		if b := v.Bytes(); (len(b) == 0 || b[0] <= ' ' || b[0] >= 0x7f || b[0] == 'n') && mapping.IsBlank(v) {
			return pipeline.RequiredField
		}
	}
	return ""
}

// list appends a JSON array of the field's values: no more than maxElements, none of them blank.
func (m *Maker) list(dst []byte, s *step) (_ []byte, err error) {
	if m.values, err = s.get.Values(m.row, m.values[:0]); err != nil || len(m.values) == 0 {
		return dst, err
	}
	if len(m.values) > maxElements {
		return dst, invalid(pipeline.TooManyElements, s.spec.name, "at most 1000 elements")
	}
	if s.spec.kind == numbers && len(m.values) != 2 {
		return dst, invalid(pipeline.InvalidValue, s.spec.name, "two numbers: from and to")
	}
	start := len(dst)
	for _, v := range m.values {
		mark := len(dst)
		dst = append(dst, separator(dst, start))
		if dst, err = m.scalar(dst, s, v); err != nil {
			return dst, err
		}
		if len(dst) == mark+1 { // a placeholder
			dst = dst[:mark]
		}
	}
	if len(dst) == start {
		return dst, nil
	}
	return append(dst, ']'), nil
}

// invalid rejects a value that breaks a rule of TikTok's.
func invalid(reason pipeline.Reason, field, rule string) *pipeline.Rejection {
	return pipeline.Reject(pipeline.StageValidate, reason, field, rule)
}
