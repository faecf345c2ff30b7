package events

import (
	"bytes"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// redaction is what becomes of personal data in a field that is sent in clear. The zero redaction looks for none.
type redaction struct {
	on, rejects bool
	count       prometheus.Counter // nil counts nothing
	from        *mapping.Getter    // of the field's values
}

// isClear reports whether a field of the kind takes the row's own words and sends them in clear.
func (k kind) isClear() bool {
	switch k {
	case text, texts, ownText, webAddress, referrer, place, contents, brands, anything:
		return true
	}
	return false
}

func newRedaction(k kind, field, redact string, m *Metrics, from *mapping.Getter) redaction {
	if !k.isClear() || redact == "keep" {
		return redaction{}
	}
	return redaction{on: true, rejects: redact == "reject", count: m.redactionsOf(field), from: from}
}

// of is the redaction of a product's member; where the product is in columns, each may say its own.
func (r redaction) of(member kind, f mapping.Field, from *mapping.Getter) redaction {
	if !member.isClear() || f.Redact == "keep" {
		return redaction{}
	}
	r.rejects, r.from = r.rejects || f.Redact == "reject", from
	return r
}

const noPersonalData = "no e-mail address or phone number in clear: take it out, or set `redact` on the field"

const holdsPersonalData = "it holds an e-mail address or a phone number"

// redact takes addresses and phone numbers out of a text that is sent in clear. Nothing is left of one that would be no identifier or
// place any more.
func (m *Maker) redact(s *step, clean []byte) ([]byte, error) {
	masked, found := m.masked(s, clean)
	if !found {
		return clean, nil
	}
	rejection := invalid(pipeline.PersonalData, s.spec.name, noPersonalData)
	if s.redaction.rejects || m.mustHave(s) && s.spec.kind != webAddress {
		return nil, rejection
	}
	count(s.redaction.count)
	if s.spec.kind != place && s.matchKey&identifying == 0 {
		m.notes.Add(s.spec.name, pipeline.Redacted, holdsPersonalData)
		return masked, nil
	}
	m.notes.Add(s.spec.name, pipeline.LeftOut, holdsPersonalData)
	if m.placeholder == nil && s.matchKey&identifying != 0 {
		m.placeholder = rejection
	}
	return nil, nil
}

// masked is the text as it may be sent, and whether that is another. What was taken out of a URL is judged as it is there: the parameter is
// masked, so its value is; of one that is a URL itself, what this masks.
func (m *Maker) masked(s *step, clean []byte) (masked []byte, found bool) {
	inURL := s.redaction.from.TookFrom(m.row, m.redactor.HoldsParameter)
	switch isURL := s.spec.kind == webAddress || s.spec.kind == referrer; {
	case isURL && inURL:
		clean = withPluses(clean)
		masked, found = m.redactor.URL(clean)
	case isURL:
		return m.redactor.URL(clean)
	case !inURL:
		return m.redactor.Text(clean)
	}
	if !found {
		masked = []byte(identity.Redacted)
	}
	return masked, true
}

// withPluses is a URL that was the value of a parameter, its blanks written as a query may have had them.
func withPluses(url []byte) []byte { return bytes.ReplaceAll(url, []byte{' '}, []byte{'+'}) }

// validateRedact checks where personal data is looked for, and what may become of it.
func validateRedact(k kind, f *mapping.Field, at settings.Place) {
	if f.Redact != "" && !k.isClear() {
		at.Problem("is for texts and URLs that are sent in clear", "take it out: the field is hashed, or takes no free text")
	}
}
