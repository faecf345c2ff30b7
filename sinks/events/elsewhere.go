package events

import (
	"bytes"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
)

// elsewhere is where a click id or TikTok's cookie id is looked for when its own field has none: in the URL of the page, then in the
// browser's cookies. A nil getter is not looked at.
type elsewhere struct {
	url, cookies *mapping.Getter
	parameter    []byte
	cookie       []byte

	fromURL, fromCookie prometheus.Counter // nil: not counted
}

// browserIDs are the fields that the page's URL and cookies have too, and what they are called there.
var browserIDs = []struct{ field, parameter, cookie string }{
	{"user.ttclid", "ttclid", "ttclid"},
	{"user.ttp", "", "_ttp"},
}

// newElsewhere is nil for a field that is nowhere else.
func (p *Plan) newElsewhere(field string, cols *mapping.Columns) *elsewhere {
	from := p.cfg.source()
	for _, id := range browserIDs {
		if id.field != field || from != 0 && from != web {
			continue
		}
		e := &elsewhere{parameter: []byte(id.parameter), cookie: []byte(id.cookie)}
		if url, ok := p.cfg.Fields["page.url"]; ok && p.cfg.TTCLIDFromURL && id.parameter != "" {
			e.url, e.fromURL = url.Compile(field, cols), p.metrics.foundIn(field, "url")
		}
		if p.cfg.Cookies != nil {
			e.cookies, e.fromCookie = p.cfg.Cookies.Compile("cookies", cols), p.metrics.foundIn(field, "cookie")
		}
		if e.url != nil || e.cookies != nil {
			return e
		}
	}
	return nil
}

// browserID appends the field's own value, else what the URL or the cookies have for it. What these have that cannot be sent is left out:
// nobody mapped it.
func (m *Maker) browserID(dst []byte, s *step) ([]byte, error) {
	e := s.elsewhere
	if s.get != nil {
		if own, err := m.ownID(dst, s); err != nil || len(own) > len(dst) {
			return own, err
		}
	}
	if e.url != nil {
		if found := m.found(dst, s, m.inURL(s, e)); len(found) > len(dst) {
			count(e.fromURL)
			m.notes.Add(s.spec.name, pipeline.Elsewhere, "it is a parameter of page.url")
			return found, nil
		}
	}
	if e.cookies != nil {
		if found := m.found(dst, s, m.inCookies(e)); len(found) > len(dst) {
			count(e.fromCookie)
			m.notes.Add(s.spec.name, pipeline.Elsewhere, "it is in the cookies")
			return found, nil
		}
	}
	return dst, nil
}

func (m *Maker) ownID(dst []byte, s *step) ([]byte, error) {
	v, err := s.get.Value(m.row)
	if err != nil || missing(v) != "" {
		return dst, err
	}
	return m.scalar(dst, s, v)
}

func (m *Maker) found(dst []byte, s *step, text []byte) []byte {
	v := pipeline.StringValue(text)
	if text == nil || missing(v) != "" {
		return dst
	}
	placeholder := m.placeholder
	written, err := m.scalar(dst, s, v)
	if m.placeholder = placeholder; err != nil {
		return dst
	}
	return written
}

func (m *Maker) inURL(s *step, e *elsewhere) []byte {
	v, err := e.url.Value(m.row)
	if err != nil || v.Kind() != pipeline.String {
		return nil
	}
	url := v.Bytes()
	if e.url.TookFrom(m.row, m.redactor.HoldsParameter) {
		url = withPluses(url)
	}
	raw := mapping.Parameter(url, e.parameter)
	if s.redaction.on && m.redactor.HoldsParameter(e.parameter, raw) {
		count(s.redaction.count)
		m.notes.Add(s.spec.name, pipeline.LeftOut, holdsPersonalData)
		return nil
	}
	return m.row.UnescapeQuery(raw)
}

// inCookies reads a Cookie header: name=value; name=value.
func (m *Maker) inCookies(e *elsewhere) []byte {
	v, err := e.cookies.Value(m.row)
	if err != nil || v.Kind() != pipeline.String {
		return nil
	}
	for rest, more := v.Bytes(), true; more; {
		var pair []byte
		pair, rest, more = bytes.Cut(rest, []byte{';'})
		if name, value, _ := bytes.Cut(pair, []byte{'='}); bytes.Equal(mapping.Trim(name), e.cookie) {
			return m.row.Unescape(bytes.Trim(mapping.Trim(value), `"`))
		}
	}
	return nil
}

func count(c prometheus.Counter) {
	if c != nil {
		c.Inc()
	}
}
